"""The public names of the package: all there, none loaded before use."""

import subprocess
import sys

import pytest

import pipetask


def test_every_public_name_can_be_imported():
    missing = []
    for name in pipetask.__all__:
        try:
            getattr(pipetask, name)
        except AttributeError:
            missing.append(name)
    assert missing == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Piplien"):
        pipetask.Piplien  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, pipetask, pipetask.errors; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"astropy", "numpy", "lsst", "sqlalchemy", "networkx", "registry", "datastore"}.isdisjoint(loaded)
