"""Starting a command doesn't pay for libraries that it doesn't use."""

import subprocess
import sys

import pytest

HEAVY = {
    "astropy",
    "pyarrow",
    "sqlalchemy",
    "networkx",
    "numpy",
    "scipy",
    "lsst",
    "photutils",
    "yaml",
    "rich",
}


@pytest.mark.parametrize(
    "arguments", [["pipetask", "--help"], ["butler", "--help"], ["pipetask", "run", "--help"]]
)
def test_help_imports_no_heavy_library(arguments):
    group, *rest = arguments
    code = (
        f"import sys; from pipetask.cli.main import {group}; {group}({rest!r}, standalone_mode=False);"
        f"print('LOADED', *sorted({{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "click" in loaded
    assert loaded & HEAVY == set()
