"""Importing task classes by their dotted names."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path

from pipetask.butler import suggest
from pipetask.errors import TaskImportError, described
from pipetask.task.pipeline_task import PipelineTask

_OURS = Path(__file__).parents[1]
_STAND_INS = "If it needs nothing more of the reference, set PIPETASK_LSST_COMPAT=1"


def import_task(class_name: str, where: str) -> type[PipelineTask]:
    """Import a task class by its dotted name.

    Raises
    ------
    TaskImportError
        If the module or class is missing, fails to import, or is no `PipelineTask` with a config class.
    """
    module_name, _, name = class_name.rpartition(".")
    if not module_name:
        raise TaskImportError(f"{where}: {class_name!r} is no dotted name of a class (package.module.Class)")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as err:
        raise TaskImportError(
            f"{where}: cannot import module {module_name!r} for {class_name!r}: {described(err)}"
            f"{_place(err)}",
            hint=_STAND_INS if getattr(err, "name", None) in ("lsst.pipe", "lsst.daf") else None,
        ) from err
    cls = getattr(module, name, None)
    if cls is None:
        raise TaskImportError(
            f"{where}: module {module_name!r} has no class {name!r}{suggest(name, vars(module))}"
        )
    if not (isinstance(cls, type) and issubclass(cls, PipelineTask)):
        raise TaskImportError(f"{where}: {class_name!r} is no PipelineTask")
    if not hasattr(getattr(cls, "ConfigClass", None), "ConnectionsClass"):
        raise TaskImportError(f"{where}: {class_name!r} sets no ConfigClass that is a PipelineTaskConfig")
    return cls


def _place(err: BaseException) -> str:
    """Return where in somebody else's module an exception comes from, as words; syntax errors say it."""
    for frame in reversed(traceback.extract_tb(err.__traceback__)):
        theirs = frame.filename[0] != "<" and not Path(frame.filename).is_relative_to(_OURS)
        if theirs and frame.filename != importlib.__file__ and not isinstance(err, SyntaxError):
            return f" ({frame.filename}, line {frame.lineno})"
    return ""
