"""What exists: dimensions, dataset types, collections, datasets and queries over them, in SQL."""
