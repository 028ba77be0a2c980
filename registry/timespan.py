"""Timespan: a half-open interval of TAI time, held as two 64-bit integers of nanoseconds."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from functools import total_ordering
from typing import TYPE_CHECKING, Final, final

from .errors import InvalidTimespanError

if TYPE_CHECKING:
    from astropy.time import Time

# Nanoseconds since 1970-01-01T00:00:00 TAI. The ends of the integers stand for "unbounded".
MIN_NS: Final = -(2**63)
MAX_NS: Final = 2**63 - 1

_NS_PER_DAY: Final = 86_400_000_000_000
_EPOCH_JD: Final = 2440587.5
_TAI_MINUS_UTC_NS: Final = 37_000_000_000  # since 2017, and no leap second is planned


def time_to_ns(time: Time) -> int:
    """Return nanoseconds since 1970-01-01T00:00:00 TAI of a scalar time in any scale."""
    try:
        tai = time.tai
    except AttributeError:
        raise InvalidTimespanError(
            f"A timespan is bounded by astropy times (or None); {time!r} is of type {type(time).__name__}."
        ) from None
    if not tai.isscalar:
        raise InvalidTimespanError(f"A timespan is bounded by single times, not by an array of {tai.size}.")
    days = float(tai.jd1) - _EPOCH_JD
    whole = round(days)
    ns = whole * _NS_PER_DAY + round(((days - whole) + float(tai.jd2)) * _NS_PER_DAY)
    if not MIN_NS < ns < MAX_NS:
        raise InvalidTimespanError(f"Time {time.isot!r} is outside of the years 1678 to 2262.")
    return ns


def ns_to_time(ns: int) -> Time:
    """Return the astropy time, in scale TAI, of nanoseconds since 1970-01-01T00:00:00 TAI."""
    from astropy.time import Time

    day, rest = divmod(ns, _NS_PER_DAY)
    time = Time(_EPOCH_JD + day, rest / _NS_PER_DAY, format="jd", scale="tai", precision=9)
    time.format = "isot"
    return time


@final
@total_ordering
class Timespan:
    """A half-open interval of time, [begin, end), in TAI.

    Parameters
    ----------
    begin, end : `astropy.time.Time` or `None`
        Bounds in any scale; `None` is unbounded. If they are equal, the timespan is one nanosecond long;
        if ``end`` precedes ``begin``, it is empty.

    Notes
    -----
    Ordered by begin, then end. All empty timespans are equal: they overlap and contain nothing, and are
    contained in every timespan.
    """

    __slots__ = ("nsec",)

    nsec: tuple[int, int]
    """Begin and end [ns]; `MIN_NS` and `MAX_NS` are unbounded."""

    def __init__(self, begin: Time | None, end: Time | None) -> None:
        begin_ns = MIN_NS if begin is None else time_to_ns(begin)
        end_ns = MAX_NS if end is None else time_to_ns(end)
        if begin_ns == end_ns:
            end_ns += 1
        self._set(begin_ns, end_ns)

    def _set(self, begin: int, end: int) -> None:
        object.__setattr__(self, "nsec", (begin, end) if begin < end else (MAX_NS, MIN_NS))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A timespan is immutable: {name!r} cannot be set.")

    @classmethod
    def from_ns(cls, begin: int = MIN_NS, end: int = MAX_NS) -> Timespan:
        """Return the timespan of two integers [ns]; empty unless ``begin < end``."""
        self = object.__new__(cls)
        self._set(int(begin), int(end))
        return self

    @classmethod
    def make_empty(cls) -> Timespan:
        """Return the empty timespan."""
        return cls.from_ns(MAX_NS, MIN_NS)

    @classmethod
    def from_instant(cls, time: Time) -> Timespan:
        """Return the timespan of one nanosecond that starts at ``time``."""
        return cls(time, time)

    @property
    def begin(self) -> Time | None:
        """First time inside, or `None` if unbounded (`astropy.time.Time`)."""
        return self._bound(0, MIN_NS)

    @property
    def end(self) -> Time | None:
        """First time after, or `None` if unbounded (`astropy.time.Time`)."""
        return self._bound(1, MAX_NS)

    def _bound(self, index: int, unbounded: int) -> Time | None:
        if self.is_empty():
            raise InvalidTimespanError("An empty timespan has neither begin nor end.")
        ns = self.nsec[index]
        return None if ns == unbounded else ns_to_time(ns)

    def is_empty(self) -> bool:
        """Return whether no time is inside."""
        return self.nsec[0] >= self.nsec[1]

    def overlaps(self, other: Timespan | Time) -> bool:
        """Return whether some time is inside both."""
        begin, end = _nsec(other)
        return self.nsec[0] < end and begin < self.nsec[1]

    def contains(self, other: Timespan | Time) -> bool:
        """Return whether all of ``other`` is inside."""
        begin, end = _nsec(other)
        return begin >= end or (self.nsec[0] <= begin and end <= self.nsec[1])

    def intersection(self, *others: Timespan) -> Timespan:
        """Return the timespan that is inside this one and all the others; may be empty."""
        spans = [self.nsec, *(other.nsec for other in others)]
        return Timespan.from_ns(max(span[0] for span in spans), min(span[1] for span in spans))

    def difference(self, other: Timespan) -> Iterator[Timespan]:
        """Yield the none, one or two parts of this timespan that are not inside ``other``, in order."""
        if not self.overlaps(other):
            if not self.is_empty():
                yield self
            return
        if self.nsec[0] < other.nsec[0]:
            yield Timespan.from_ns(self.nsec[0], other.nsec[0])
        if other.nsec[1] < self.nsec[1]:
            yield Timespan.from_ns(other.nsec[1], self.nsec[1])

    def __eq__(self, other: object) -> bool:
        return self.nsec == other.nsec if isinstance(other, Timespan) else NotImplemented

    def __lt__(self, other: Timespan) -> bool:
        return self.nsec < other.nsec if isinstance(other, Timespan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.nsec)

    def __reduce__(self) -> tuple[object, tuple[int, int]]:
        return Timespan.from_ns, self.nsec

    def __str__(self) -> str:
        if self.is_empty():
            return "(empty)"
        begin, end = self.nsec
        left = "(-∞" if begin == MIN_NS else f"[{iso_tai(begin)}"
        return f"{left}, {'∞' if end == MAX_NS else iso_tai(end)})"

    def __repr__(self) -> str:
        return f"Timespan({self!s})"


def _nsec(other: Timespan | Time) -> tuple[int, int]:
    if isinstance(other, Timespan):
        return other.nsec
    ns = time_to_ns(other)
    return ns, ns + 1


def iso_tai(ns: int) -> str:
    """Return a time in TAI nanoseconds as ISO 8601 text."""
    import numpy as np

    return str(np.datetime64(ns, "ns")).rstrip("0").rstrip(".")


def iso_utc(ns: int) -> str:
    """Return a recent time in TAI nanoseconds as ISO 8601 text in UTC, to the second."""
    import numpy as np

    return f"{np.datetime64(ns - _TAI_MINUS_UTC_NS, 'ns').astype('datetime64[s]')}Z"


def now_ns() -> int:
    """Return the time [TAI ns], as the computer's clock has it."""
    return clock.time_ns() + _TAI_MINUS_UTC_NS
