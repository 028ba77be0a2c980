"""Which public names of the reference there are here, from one YAML file per package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

PACKAGES = ("lsst.pipe.base", "lsst.daf.butler")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one module of the reference.

    Parameters
    ----------
    same, different, former : mapping
        Where each is here, as ``module`` or ``module:name``. Former ones are those of earlier releases.
    differences : mapping
        How each of ``different`` differs.
    absent : mapping
        Why each is not here.
    """

    same: Mapping[str, str] = field(default_factory=dict)
    different: Mapping[str, str] = field(default_factory=dict)
    former: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def here(self) -> dict[str, str]:
        """Where each name that there is can be found."""
        return {**self.same, **self.different, **self.former}


@cache
def lookup(module: str) -> Names:
    """Return the names of a package, or of one of its submodules."""
    if module in PACKAGES:
        return _package(module)
    package = next(name for name in PACKAGES if module.startswith(f"{name}."))
    known = _package(package)
    listed = _read(package)["submodules"][module.removeprefix(f"{package}.")]
    if isinstance(listed, dict):  # names with places of their own
        return Names(same=listed)
    here = {name: known.here[name] for name in listed}
    return Names(same=here, absent={k: v for k, v in known.absent.items() if k not in here})


@cache
def submodules() -> frozenset[str]:
    """Return the full names of the submodules that have a stand-in."""
    return frozenset(f"{package}.{name}" for package in PACKAGES for name in _read(package)["submodules"])


def _package(package: str) -> Names:
    data = _read(package)
    modules = {name: f"{package}.{name}" for name in data["submodules"] if "." not in name}
    different = data["different"]
    return Names(
        same=data["same"] | modules,
        different={name: entry["here"] for name, entry in different.items()},
        former=data["former"],
        differences={name: entry["how"] for name, entry in different.items()},
        absent=data["absent"],
    )


@cache
def _read(package: str) -> dict[str, Any]:  # the sections of a file
    import yaml

    text = (files("pipetask.compat") / f"{package}.yaml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C if there
    return data
