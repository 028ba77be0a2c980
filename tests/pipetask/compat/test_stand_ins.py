"""The finder of stand-ins: opt-in, last in line, and clear about what is absent."""

import os
import subprocess

import pytest

from pipetask.compat.names import PACKAGES, lookup, submodules

PEER = os.environ.get("PIPETASK_PEER_PYTHON")


def test_nothing_happens_without_asking(processes):
    code = "import pipetask, lsst.pex.config, lsst.sphgeom, lsst.pipe.base"
    done = processes.python(code, compat=False, exit_code=1)
    assert "No module named 'lsst.pipe'" in done.stderr
    assert (
        "pipetask.compat"
        not in processes.python("import sys, pipetask; print(*sys.modules)", compat=False).stdout
    )


def test_only_1_turns_them_on(processes):
    code = "import os; os.environ['PIPETASK_LSST_COMPAT'] = '0'; import pipetask, lsst.pipe.base"
    assert "No module named 'lsst.pipe'" in processes.python(code, compat=False, exit_code=1).stderr


def test_the_installed_packages_of_the_namespace_go_on_working(processes):
    code = """
import pipetask, lsst.pipe.base, lsst.daf.butler
import lsst.pex.config, lsst.sphgeom, lsst.utils.timer
print(lsst.pex.config.Config.__module__, lsst.sphgeom.Angle.__module__, lsst.__file__ is None)
try:
    import lsst.pipe.tasks
except ModuleNotFoundError as error:
    print(error)
"""
    lines = processes.python(code).stdout.splitlines()
    assert lines[0].startswith("lsst.pex.config.config lsst.sphgeom")
    assert lines[1] == "No module named 'lsst.pipe.tasks'"


def test_a_name_is_the_projects_own(processes):
    code = """
import pipetask
import lsst.pipe.base as pipeBase
import lsst.pipe.base.connectionTypes as cT
from lsst.daf.butler import Butler
from lsst.pipe.base import *
from lsst.pipe.base.pipelineTask import PipelineTask as again
assert pipeBase.PipelineTask is pipetask.PipelineTask is PipelineTask is again
assert cT is pipeBase.connectionTypes and cT.Input is pipetask.connectionTypes.Input
assert Butler is pipetask.Butler and "Struct" in dir(pipeBase)
assert not hasattr(pipeBase, "TaskDef")
"""
    processes.python(code)


ABSENT = {
    "from lsst.pipe.base import TaskDef": ("ImportError", "lsst.pipe.base.TaskDef: `PipelineGraph.tasks`"),
    "lsst.pipe.base.TaskDef": ("AttributeError", "lsst.pipe.base.TaskDef: `PipelineGraph.tasks`"),
    "from lsst.daf.butler import Nothing": ("ImportError", "lsst.daf.butler.Nothing."),
    "import lsst.daf.butler.ddl": ("ImportError", "lsst.daf.butler.ddl: tables are made by the registry"),
    "from lsst.pipe.base.task import TaskDef": ("ImportError", "lsst.pipe.base.task.TaskDef"),
}


def test_an_absent_name_is_an_error_that_points_at_the_table(processes):
    code = f"""
import pipetask, lsst.pipe.base
for statement in {list(ABSENT)}:
    try:
        exec(statement)
    except Exception as error:
        print(type(error).__name__, error)
"""
    lines = processes.python(code).stdout.splitlines()
    for (error, words), line in zip(ABSENT.values(), lines, strict=True):
        assert line.startswith(f"{error} pipetask has no {words}")
        assert line.endswith("docs/reference/names_of_the_reference.md lists what there is.")


def test_installed_originals_win_and_that_is_said(processes, tmp_path):
    package = tmp_path / "original" / "lsst" / "pipe" / "base"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("Struct = 'the original'\n")
    for folder in (package.parent, package.parent.parent):
        (folder / "__init__.py").write_text(
            "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n"
        )
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import pipetask.compat
    assert not pipetask.compat.install()
import lsst.pipe.base, lsst.pex.config
print(lsst.pipe.base.Struct, "|", caught[0].message)
try:
    import lsst.daf.butler
except ModuleNotFoundError as error:
    print(error)
"""
    lines = processes.python(code, path=[package.parents[2]]).stdout.splitlines()
    assert lines[0].startswith("the original | lsst.pipe.base is installed in ")
    assert lines[1] == "No module named 'lsst.daf'"  # never half the one and half the other


@pytest.mark.parametrize("module", [*PACKAGES, *sorted(submodules())])
def test_every_name_that_is_said_to_be_here_is(module):
    names = lookup(module)
    assert not set(names.here) & set(names.absent)
    for place in names.here.values():
        home, _, name = place.partition(":")
        if not home.startswith("lsst."):
            found = __import__(home, fromlist=[name])
            assert not name or hasattr(found, name), place


NAMES = """
import importlib, sys
for package in sys.argv[1:]:
    for name in dir(importlib.import_module(package)):
        if not name.startswith("_"):
            print(package, name)
"""


@pytest.mark.skipif(not PEER, reason="PIPETASK_PEER_PYTHON does not name the reference's Python")
def test_the_table_has_every_public_name_of_the_reference():
    done = subprocess.run([PEER, "-c", NAMES, *PACKAGES], capture_output=True, text=True, check=True)
    real = {package: set() for package in PACKAGES}
    for line in done.stdout.splitlines():
        package, name = line.split()
        real[package].add(name)
    for package in PACKAGES:
        names = lookup(package)
        assert {*names.same, *names.different, *names.absent} == real[package]
        assert not set(names.former) & real[package]
