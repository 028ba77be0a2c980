"""Instrument: what a camera must tell about itself, as a Python class or (camera_description) in YAML."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

PLANES = ("image", "mask", "weight", "variance")


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector of a camera, as in the dimension ``detector``.

    With ``on_demand``, it is registered when its first image is ingested, not with the instrument.
    """

    id: int
    full_name: str
    purpose: str = "SCIENCE"
    raft: str | None = None
    name_in_raft: str | None = None
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a camera and the band that it stands for."""

    name: str
    band: str


@dataclass(frozen=True, slots=True)
class Planes:
    """How the planes of a calibrated image, each in a file of its own, make one `Exposure`.

    Parameters
    ----------
    codes : `dict`
        Value in the mask file -> name of the mask plane that it stands for. Ignored if ``bits`` is given.
    bits : `dict`
        Bit number in the mask file -> name of the mask plane.
    required : `tuple`
        Planes that must be there: some of `PLANES`.
    """

    codes: Mapping[int, str]
    bits: Mapping[int, str]
    required: tuple[str, ...] = ("image",)


class Instrument(ABC):
    """A camera: its detectors and filters, which files hold its images, and what their headers mean.

    Subclasses set the class attributes and write the three methods. They are made without arguments, also
    in worker processes, and never look at a repository.
    """

    name: str
    """Name in the data IDs."""

    doc: str = ""
    file_patterns: Sequence[str] = ("*.fits", "*.fits.fz", "*.fits.gz")
    """Which files of a folder may be images (shell patterns)."""

    file_name: re.Pattern[str] | None = None
    """Named groups found in a file's name, which fields may use."""

    every_hdu: bool = False
    """Whether each two-dimensional HDU of a file is an image of its own (else the first one is)."""

    day_starts_h: float = 12.0
    """When the day of observation begins: hours after midnight, UTC."""

    per_detector: frozenset[str] = frozenset()
    """Fields that may differ between the files of an exposure; the first ingested one is kept."""

    config_folders: Sequence[str] = ()
    """Folders of configuration files, ``<_DefaultName of the task>.py``, which pipelines of this instrument
    apply before their own; environment variables are filled in."""

    planes: Planes | None = None
    """Set for calibrated images, which become ``calexp``; others become ``raw``."""

    exposure_max: ClassVar[int] = 2**62

    @abstractmethod
    def detectors(self) -> Sequence[Detector]:
        """Return all detectors."""

    @abstractmethod
    def filters(self) -> Sequence[Filter]:
        """Return all filters."""

    @abstractmethod
    def translate(self, header: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the values of `fields.FIELDS` that a header (primary and image) tells.

        Raises
        ------
        HeaderError
            If the header is not one of this camera.
        """

    def configs(self) -> Mapping[str, Mapping[str, Any]]:
        """Return values of configuration fields by ``_DefaultName`` of the task, for pipelines' defaults."""
        return {}

    def camera(self) -> dict[str, Any]:
        """Return what tasks want to know (gain, overscan, …): constants, or ``{"key": KEYWORD}``."""
        return {}

    @property
    def dataset_type(self) -> str:
        """Name of the dataset type of the ingested images."""
        return "calexp" if self.planes else "raw"

    @property
    def run(self) -> str:
        """Run of the ingested images."""
        return f"{self.name}/calexp/all" if self.planes else f"{self.name}/raw/all"
