"""The Dark Energy Camera, with headers read by astro-metadata-translator: an instrument as a Python class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipetask.observation.instrument import Detector, Filter, Instrument
from pipetask.observation.known_translators import translate_with, translator_class


class DECam(Instrument):
    """DECam raw images as the observatory delivers them: one HDU per detector."""

    name = "DECam"
    doc = "Dark Energy Camera at the Blanco telescope"
    every_hdu = True

    def detectors(self) -> Sequence[Detector]:
        """Return the detectors that take science images."""
        names: Mapping[int, str] = translator_class("DECam").detector_names
        return [Detector(id, name) for id, name in names.items()]

    def filters(self) -> Sequence[Filter]:
        """Return the filters by their full names, as the headers have them."""
        return [
            Filter("u DECam c0006 3500.0 1000.0", "u"),
            Filter("g DECam SDSS c0001 4720.0 1520.0", "g"),
            Filter("r DECam SDSS c0002 6415.0 1480.0", "r"),
            Filter("i DECam SDSS c0003 7835.0 1470.0", "i"),
            Filter("z DECam SDSS c0004 9260.0 1520.0", "z"),
            Filter("Y DECam c0005 10095.0 1130.0", "y"),
            Filter("VR DECam c0007 6300.0 2600.0", "VR"),
        ]

    def translate(self, header: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the fields that the translator finds."""
        return translate_with("DECam", header, path)

    def camera(self) -> dict[str, Any]:
        """Return what tasks want to know."""
        return {
            "unit": "adu",
            "pixel_scale": 0.263,
            "gain": {"key": "GAINA"},
            "read_noise": {"key": "RDNOISEA"},
            "saturation": {"key": "SATURATA"},
            "overscan": {"key": "BIASSECA"},
            "trim": {"key": "TRIMSEC"},
        }
