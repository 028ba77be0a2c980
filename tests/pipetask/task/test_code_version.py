"""A task's code version changes with what the code does, and with nothing else."""

import sys
from importlib import metadata

import pytest

from pipetask.task.code_version import code_version, source_digest

TASK = '''"""A task."""
from helpers_of_it import factor
from helpers_of_it.deep import offset
import unrelated_and_missing


class Scale:
    """Scale numbers."""

    def run(self, number):
        """Scale one."""
        return factor * number + offset  # in adu
'''
HELPER = "factor = 2\n"
DEEP = "from .deeper import base\noffset = base + 1\n"


class Folder:
    """Modules beside each other, as in somebody's checkout."""

    def __init__(self, path):
        self.path = path
        self.write("scale.py", TASK)
        self.write("helpers_of_it/__init__.py", HELPER)
        self.write("helpers_of_it/deep.py", DEEP)
        self.write("helpers_of_it/deeper.py", "base = 3\n")
        self.write("stranger.py", "x = 1\n")

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def version(self):
        return code_version("scale.Scale")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    return Folder(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        TASK.replace("  # in adu", ""),
        TASK.replace("factor * number + offset", "(\n            factor*number +\n            offset)"),
        TASK.replace('"""Scale one."""', '"""Scale a single number.\n\n        Slowly.\n        """'),
        TASK.replace('    """Scale numbers."""\n', ""),
        "# Copyright\n" + TASK.replace('"""A task."""', "'''Something else.'''"),
    ],
    ids=["comment", "formatting", "docstring", "no docstring", "header"],
)
def test_formatting_comments_and_docstrings_change_nothing(folder, text):
    before = folder.version()
    folder.write("scale.py", text)
    assert folder.version() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scale.py", TASK.replace("+ offset", "- offset")),
        ("scale.py", TASK.replace("def run", "def run_it")),
        ("helpers_of_it/__init__.py", "factor = 3\n"),
        ("helpers_of_it/deep.py", DEEP.replace("+ 1", "+ 2")),
        ("helpers_of_it/deeper.py", "base = 4\n"),
    ],
    ids=["operator", "name", "imported module", "imported submodule", "import of an import"],
)
def test_a_change_of_the_code_or_of_what_it_imports_changes_the_version(folder, name, text):
    before = folder.version()
    folder.write(name, text)
    assert folder.version() != before


def test_modules_that_are_not_imported_don_t_count(folder):
    before = folder.version()
    folder.write("stranger.py", "x = 2\n")
    assert folder.version() == before


def test_imports_for_type_checkers_don_t_count(folder):
    folder.write(
        "scale.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import stranger\n" + TASK
    )
    before = folder.version()
    folder.write("stranger.py", "x = 2\n")
    assert folder.version() == before


def test_the_same_code_elsewhere_has_the_same_version(folder, tmp_path, monkeypatch):
    before = folder.version()
    other = tmp_path / "other"
    other.mkdir()
    copy = Folder(other)
    monkeypatch.setattr(sys, "path", [str(other), *sys.path])
    assert copy.version() == before


def test_an_installed_distribution_is_known_by_its_version():
    assert code_version("networkx.Graph") == f"networkx=={metadata.version('networkx')}"


def test_code_that_cannot_be_read_has_no_version(folder):
    assert code_version("nowhere_at_all.Task") == ""
    folder.write("scale.py", "class Scale(:\n")
    assert folder.version() == ""


def test_the_comments_of_a_configuration_don_t_count():
    assert source_digest("# radius\nconfig.r=5.0\n") == source_digest("config.r = 5.0")
    assert source_digest("config.r=5.0") != source_digest("config.r=6.0")
