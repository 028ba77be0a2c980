"""Dimension records in the database: inserting them, their overlaps on the sky, looking them up."""
