"""The bytes of datasets: storage classes, formatters, artifacts and where they lie."""
