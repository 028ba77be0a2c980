"""The query language: from text to a checked tree to SQL."""
