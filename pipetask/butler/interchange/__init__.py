"""Exports and imports, in the YAML format that the reference writes and reads."""
