"""The names that the package offers, and that it loads nothing before they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pipetask.butler as package


def test_every_name_can_be_loaded():
    for name in package.__all__:
        assert getattr(package, name) is not None, name


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(package.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.asname: node.module for node in block.body for alias in node.names}
    assert declared == package._HOME


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, pipetask.butler; print([m for m in ('numpy', 'astropy', 'sqlalchemy', 'yaml') if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
