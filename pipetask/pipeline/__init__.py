"""Pipelines: documents that name tasks, and the checked graph of tasks and dataset types they make."""
