"""A small repository, and butler commands on it."""

import json

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler, DatasetType


class ButlerCommand:
    """Runs butler commands on one repository."""

    def __init__(self, root):
        self.root = root

    def __call__(self, name, *arguments, exit_code=0, answer=None):
        from pipetask.cli.main import butler

        words = [name, str(self.root), *map(str, arguments)]
        result = CliRunner().invoke(butler, words, input=answer)
        assert result.exit_code == exit_code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    def rows(self, name, *arguments):
        return json.loads(self(name, *arguments, "--format", "json").stdout)

    def error(self, name, *arguments, exit_code=2):
        return self(name, *arguments, exit_code=exit_code).stderr

    def open(self):
        return Butler.from_config(self.root, writeable=True)


@pytest.fixture
def on_repo(tmp_path):
    """Commands on a repository with detectors 0 to 2 of Cam, and ``notes`` of them in runs first and second."""
    with Butler.makeRepo(tmp_path / "repo") as butler:
        insert = butler.registry.insert_dimension_records
        insert("instrument", [{"instrument": "Cam"}])
        insert("detector", [{"instrument": "Cam", "detector": d, "full_name": f"D{d}"} for d in range(3)])
        butler.register_dataset_type(
            DatasetType("notes", ["detector"], "StructuredDataDict", universe=butler.dimensions)
        )
        for run, detectors in (("first", [0, 1, 2]), ("second", [2])):
            butler.collections.register(run)
            for detector in detectors:
                butler.put({"d": detector}, "notes", detector=detector, run=run)
    return ButlerCommand(tmp_path / "repo")
