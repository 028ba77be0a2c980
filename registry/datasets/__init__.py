"""Datasets: inserting, finding, calibration validity, where their bytes are."""
