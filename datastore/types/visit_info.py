"""VisitInfo: when, where and how an exposure was taken."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VisitInfo:
    """What is known of one exposure; None where it is not.

    Times are nanoseconds TAI since 1970-01-01T00:00:00 TAI, angles degrees (ICRS).
    """

    id: int | None = None
    instrument: str | None = None
    exposure_time_s: float | None = None
    begin_ns: int | None = None
    end_ns: int | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    rotation_deg: float | None = None
    airmass: float | None = None
    object: str | None = None
    observation_type: str | None = None
    science_program: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> VisitInfo:
        """Rebuild from `to_json`."""
        return cls(**value)
