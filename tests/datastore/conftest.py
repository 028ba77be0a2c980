"""Datastores in temporary folders, and hints for what goes into them."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from datastore.datastore import Datastore
from datastore.records import ArtifactHint


@pytest.fixture
def store(tmp_path: Path) -> Datastore:
    """An empty datastore."""
    return Datastore(tmp_path / "root")


@pytest.fixture
def hint() -> Callable[..., ArtifactHint]:
    """Make hints: of one storage class, for one visit."""

    def make(storage_class: str = "StructuredDataDict", visit: int = 3, **changes: object) -> ArtifactHint:
        values: dict[str, object] = {
            "dataset_type": "thing",
            "storage_class": storage_class,
            "data_id": {"instrument": "DECam", "visit": visit, "detector": 42},
            "run": "u/me/20260101",
            "id": UUID(int=visit),
        }
        return ArtifactHint(**{**values, **changes})  # type: ignore[arg-type]

    return make
