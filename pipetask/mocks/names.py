"""How the datasets and tasks of mock pipelines are called, so that none can be taken for a real one."""

PREFIX = "_mock_"
STORAGE_CLASS = "StructuredDataDict"


def mock_name(name: str) -> str:
    """Return the name of the mock of a task or dataset type (of the whole, for a component)."""
    return PREFIX + name.partition(".")[0]
