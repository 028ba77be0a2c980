"""Composites: objects made of parts that are datasets of their own; values compared, parts shared."""
