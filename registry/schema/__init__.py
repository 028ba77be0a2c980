"""SQL tables: the fixed ones, those made for a universe, those made for a dimension group."""
