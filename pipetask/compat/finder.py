"""Where the stand-ins come from: a finder at the end of ``sys.meta_path``, where what is installed wins."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from pipetask.compat.names import PACKAGES, lookup, submodules

VARIABLE = "PIPETASK_LSST_COMPAT"
"""Set to 1, it has every process that imports `pipetask` call `install`."""

PAGE = "docs/reference/names_of_the_reference.md"
_PARENTS = {package.rpartition(".")[0] for package in PACKAGES}


class OriginalInstalledWarning(UserWarning):
    """The reference's own packages are installed, so that no stand-in takes their place."""


def install() -> bool:
    """Have ``import lsst.pipe.base`` and ``import lsst.daf.butler`` give the names that this project shares.

    Worker processes started from now on do the same. Where either of the originals is installed, both are
    left alone, with a warning.

    Returns
    -------
    installed : `bool`
        Whether the stand-ins are in place.
    """
    if any(isinstance(finder, StandInFinder) for finder in sys.meta_path):
        return True
    if found := _originals():
        warnings.warn(
            f"{' and '.join(found)} {'are' if len(found) > 1 else 'is'} installed in {sys.prefix}: imports "
            f"give the original, and {VARIABLE} and pipetask.compat.install() change nothing.",
            OriginalInstalledWarning,
            stacklevel=2,
        )
        return False
    sys.meta_path.append(StandInFinder())
    os.environ[VARIABLE] = "1"
    return True


def _originals() -> list[str]:
    found = []
    for package in PACKAGES:
        try:
            spec = find_spec(package)
        except ModuleNotFoundError:  # not even the package around it
            continue
        if spec is not None:
            found.append(package)
    return found


class StandInFinder(MetaPathFinder, Loader):
    """Makes the modules of `pipetask.compat.names`, and says of others around them why they are absent."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a stand-in; for any other module outside the two packages, nothing."""
        if fullname in _PARENTS or fullname in PACKAGES or fullname in submodules():
            return ModuleSpec(fullname, self, origin=f"pipetask's stand-in, see {PAGE}", is_package=True)
        outer, _, name = fullname.rpartition(".")
        if outer in PACKAGES or outer in submodules():
            # Not a ModuleNotFoundError, which `from package import name` would replace by words of its own.
            raise ImportError(_why_absent(outer, name), name=fullname)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, still empty."""
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Give a module its names, each looked up when it is first used."""
        name = module.__name__
        if name in _PARENTS:
            return
        shared = lookup(name).here
        contents: dict[str, Any] = {
            "__doc__": f"Stand-in for {name}: the names that pipetask shares with it; the others: {PAGE}.",
            "__all__": sorted(shared),
            "__getattr__": lambda attribute: _value(module, attribute),
            "__dir__": lambda: sorted({*vars(module), *shared}),
        }
        vars(module).update(contents)


def _value(module: ModuleType, attribute: str) -> Any:  # names have many types
    name = module.__name__
    if attribute.startswith("__"):
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
    place = lookup(name).here.get(attribute)
    if place is None:
        raise AttributeError(_why_absent(name, attribute))
    home, _, inner = place.partition(":")
    value: Any = importlib.import_module(home)
    if inner:
        value = getattr(value, inner)
    setattr(module, attribute, value)
    return value


def _why_absent(module: str, attribute: str) -> str:
    why = lookup(module).absent.get(attribute)
    return f"pipetask has no {module}.{attribute}{f': {why}' if why else ''}. {PAGE} lists what there is."
