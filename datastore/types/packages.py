"""Packages: the versions of everything that was installed when a run was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution


class Packages(Mapping[str, str]):
    """Versions by distribution name; ``python`` is one of them."""

    __slots__ = ("_versions",)

    def __init__(self, versions: Mapping[str, str]) -> None:
        self._versions = dict(sorted(versions.items()))

    @classmethod
    def from_system(cls) -> Packages:
        """Collect the versions of this interpreter and all installed distributions."""
        import importlib.metadata
        import platform

        known = map(_name_and_version, importlib.metadata.distributions())
        versions = {name.lower(): version for name, version in known if name}
        return cls({**versions, "python": platform.python_version()})

    def __getitem__(self, name: str) -> str:
        return self._versions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def __repr__(self) -> str:
        return f"Packages({self._versions})"

    def difference(self, other: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
        """Return (version here, version there) of every distribution where they differ."""
        names = sorted({*self, *other})
        return {n: (self.get(n), other.get(n)) for n in names if self.get(n) != other.get(n)}

    def to_json(self) -> dict[str, str]:
        """Return plain values for JSON."""
        return dict(self._versions)

    @classmethod
    def from_json(cls, value: dict[str, str]) -> Packages:
        """Rebuild from `to_json`."""
        return cls(value)


def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    """Read the two headers; `importlib.metadata` would parse them all, descriptions too, for each of them."""
    names = "METADATA", "PKG-INFO", ""  # the last where one file is all there is
    text = next(filter(None, map(distribution.read_text, names)), "")
    head = text.partition("\n\n")[0].splitlines()
    found = {name: value.strip() for name, _, value in (line.partition(":") for line in head)}
    return found.get("Name", ""), found.get("Version", "")
