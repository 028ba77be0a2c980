"""How tasks are written: configuration, connections, and what they see of the data while they run."""
