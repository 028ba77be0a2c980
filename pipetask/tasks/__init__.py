"""Shipped tasks, one per file, written like any user's: against the public task API alone."""
