"""Virtual composites: dataset types whose datasets are assembled from parts that are found, or put, apart."""
