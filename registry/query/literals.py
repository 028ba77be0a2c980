"""Values that come along with an expression, and functions of numbers, as literals."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from numbers import Integral, Real
from typing import Any

from registry.arguments import is_text
from registry.errors import InvalidQueryError, InvalidTimespanError
from registry.query.tree import Literal, Span
from registry.timespan import Timespan, time_to_ns


def literals(value: Any) -> Literal | Span | tuple[Literal | Span, ...]:
    """Return a bound value, or each value of a container, as a literal.

    Raises
    ------
    InvalidQueryError
        (without position) if the value is of a type that no column has.
    """
    value = _plain(value)
    if isinstance(value, (AbstractSet, Sequence)) and not isinstance(value, (str, bytes)):
        return tuple(literal(each) for each in value)
    if hasattr(value, "isot") and not value.isscalar:
        return tuple(literal(each) for each in value)
    return literal(value)


def _plain(value: Any) -> Any:
    """Return arrays and scalars of numpy, told without importing it, as lists and values of Python."""
    return value.tolist() if getattr(getattr(value, "dtype", None), "kind", "") in {*"biufUO"} else value


def literal(value: Any) -> Literal | Span:
    """Return one value as a literal."""
    value = _plain(value)
    match value:
        case None:
            return Literal(None, "null")
        case bool():
            return Literal(value, "bool")
        case Integral():
            return integer(int(value))
        case Real():
            return Literal(float(value), "float")
        case str():
            return string(str(value))
        case bytes():
            return Literal(value, "hash")
        case uuid.UUID():
            return Literal(value, "uuid")
        case Timespan():
            begin, end = value.nsec
            return Span(Literal(begin, "time_ns"), Literal(end, "time_ns"))
        case dt.datetime():
            from astropy.time import Time

            return literal(Time(value, scale="utc"))
    if hasattr(value, "isot"):  # astropy.time.Time, without importing it
        try:
            return Literal(time_to_ns(value), "time_ns")
        except InvalidTimespanError as err:
            raise InvalidQueryError(str(err)) from err
    if hasattr(value, "relate"):  # lsst.sphgeom.Region
        return Literal(value, "region")
    if hasattr(value, "ra") and hasattr(value, "dec"):  # astropy.coordinates.SkyCoord
        return _region("POINT", [value.icrs.ra.deg, value.icrs.dec.deg])
    if hasattr(value, "getLon"):  # lsst.sphgeom.LonLat
        return _region("POINT", [value.getLon().asDegrees(), value.getLat().asDegrees()])
    raise InvalidQueryError(f"a value of type {type(value).__name__} can be compared with nothing")


def integer(value: int) -> Literal:
    """Return an integer that fits in 64 bits as a literal."""
    if not -(2**63) <= value < 2**63:
        raise InvalidQueryError(f"{value} does not fit in 64 bits")
    return Literal(value, "int")


def string(value: str) -> Literal:
    """Return a text that every database can hold as a literal."""
    _expect(is_text(value), f"{value!r} is no text that a database can hold")
    return Literal(value, "string")


def fold(operator: str, left: Literal, right: Literal) -> Literal:
    """Return the result of arithmetic on two numbers, as the database would have it; no division by 0."""
    a, b = left.value, right.value
    operations: dict[str, Callable[[], Any]] = {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "/": lambda: a / b,
        "%": lambda: int(math.copysign(abs(a) % abs(b), a)),  # SQL: the sign of the dividend
    }
    result = operations[operator]()
    return integer(result) if isinstance(result, int) else Literal(result, "float")


def function(name: str, arguments: Sequence[Any]) -> Literal:
    """Return the value of a function of plain values: a region, or a UUID."""
    if name == "UUID":
        _expect(len(arguments) == 1 and isinstance(arguments[0], str), "UUID('text') needs one text")
        try:
            return Literal(uuid.UUID(arguments[0]), "uuid")
        except ValueError as err:
            raise InvalidQueryError(f"{arguments[0]!r} is no UUID") from err
    return _region(name, arguments)


REGIONS = {
    "POINT": "POINT(ra, dec)",
    "CIRCLE": "CIRCLE(ra, dec, radius)",
    "BOX": "BOX(ra, dec, width, height)",
    "POLYGON": "POLYGON(ra1, dec1, ra2, dec2, ra3, dec3, …)",
    "REGION": "REGION('CIRCLE ra dec radius'), or another IVOA POS text",
}
"""Functions that make a region, and how they are written; all numbers in degrees."""


def _region(name: str, arguments: Sequence[Any]) -> Literal:
    from lsst.sphgeom import Angle, Box, LonLat, Region

    from registry import spatial

    n = len(arguments)
    fits = {
        "POINT": n == 2,
        "CIRCLE": n == 3,
        "BOX": n == 4,
        "POLYGON": n >= 6 and n % 2 == 0,
        "REGION": n == 1,
    }
    kind = str if name == "REGION" else (int, float)
    _expect(fits[name] and all(isinstance(each, kind) for each in arguments), f"write {REGIONS[name]}")
    region: Region
    try:
        if name == "POINT":
            region = spatial.point(*arguments)
        elif name == "CIRCLE":
            _expect(arguments[2] >= 0, "the radius of a circle is not negative")
            region = spatial.circle(*arguments)
        elif name == "BOX":
            ra, dec, width, height = arguments
            half = Angle.fromDegrees(width / 2), Angle.fromDegrees(height / 2)
            region = Box(LonLat.fromDegrees(ra, dec), *half)
        elif name == "POLYGON":
            region = spatial.polygon(arguments[::2], arguments[1::2])
        else:
            region = Region.from_ivoa_pos(arguments[0])
    except (ValueError, RuntimeError) as err:
        if isinstance(err, InvalidQueryError):
            raise
        raise InvalidQueryError(f"no such region: {err}") from err
    return Literal(region, "region")


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise InvalidQueryError(otherwise)
