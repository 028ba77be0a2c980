"""A repository with the provenance of one run, written row by row: no task ran."""

import json
from uuid import UUID

import pytest

from pipetask.butler import Butler


class Provenance:
    """Adds quanta to run ``out/1``; times in seconds."""

    def __init__(self, root):
        self.butler = Butler.makeRepo(root)
        self.butler.registry.collections.register("out/1")
        self._count = 0

    def add(self, label, detector, status, begin_s, end_s, *, memory=0, error=None):
        self._count += 1
        row = (
            UUID(int=self._count),
            "out/1",
            label,
            f"tasks.{label}",
            json.dumps({"detector": detector}),
            status,
        )
        row += ("host", 1, int(begin_s * 1e9), int(end_s * 1e9), (end_s - begin_s) / 2, memory)
        row += (error and json.dumps({"kind": "ValueError", "message": error, "traceback": "T"}),)
        self.butler.registry.provenance.insert_quanta([row])


@pytest.fixture
def provenance(tmp_path):
    made = Provenance(tmp_path / "repo")
    yield made
    made.butler.close()
