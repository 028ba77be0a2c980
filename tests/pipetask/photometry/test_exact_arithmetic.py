"""Weights against truth from outside floating point: polygons in exact fractions, and fifty decimal digits."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from pipetask.photometry import aperture_photometry

TANGENTS = 10  # sides per right angle


def disc_polygon(x, y, radius, outside):
    """Corners, as fractions, of a polygon inside or around a circle: points tan(t/2) parametrised."""
    corners = []
    for turn in range(4):
        for step in range(TANGENTS):
            t = Fraction(step, TANGENTS)
            cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
            if outside:  # where the tangents at this point and the next meet
                u = Fraction(step + 1, TANGENTS)
                cos, sin = (1 - t * u) / (1 + t * u), (t + u) / (1 + t * u)
            for _ in range(turn):
                cos, sin = -sin, cos
            corners.append((x + radius * cos, y + radius * sin))
    return corners


def clipped_area(corners, left, low):
    """Area of a convex polygon inside a unit pixel (Sutherland and Hodgman)."""
    for axis, limit, sign in ((0, left, 1), (0, left + 1, -1), (1, low, 1), (1, low + 1, -1)):
        kept = []
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            inside_a, inside_b = (sign * (point[axis] - limit) >= 0 for point in (a, b))
            if inside_a:
                kept.append(a)
            if inside_a != inside_b:
                share = (limit - a[axis]) / (b[axis] - a[axis])
                kept.append((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])))
        corners = kept
        if not corners:
            return Fraction(0)
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return sum((a[0] * b[1] - a[1] * b[0] for a, b in pairs), Fraction(0)) / 2


def polygon_weights(x, y, radius, column, row):
    """Covered part of a pixel for polygons inside and around the circle."""
    x, y, radius = Fraction(x), Fraction(y), Fraction(radius)
    left, low = Fraction(2 * column - 1, 2), Fraction(2 * row - 1, 2)
    return [float(clipped_area(disc_polygon(x, y, radius, outside), left, low)) for outside in (False, True)]


def weight_of(x, y, radius, column, row, size=21):
    image = np.zeros((size, size))
    image[row, column] = 1.0
    return aperture_photometry(image, [x], [y], radius).flux[0]


@pytest.mark.parametrize(("x", "y", "radius"), [(10.3125, 9.84375, 4.25), (10.5, 10.5, 0.75)])
def test_every_weight_lies_between_those_of_polygons_inside_and_around_the_circle(x, y, radius):
    for row in range(9, 16):
        for column in range(9, 16):
            inner, outer = polygon_weights(x, y, radius, column, row)
            assert inner - 1e-14 <= weight_of(x, y, radius, column, row) <= outer + 1e-14
            assert outer - inner < 0.03


@pytest.mark.parametrize(("a", "b", "theta"), [(4.25, 1.5, 0.75), (0.5, 3.0, -2.0)])
def test_every_weight_of_an_ellipse_lies_between_those_of_polygons_inside_and_around_it(a, b, theta):
    x, y, cos, sin = (Fraction(number) for number in (10.3125, 9.84375, np.cos(theta), np.sin(theta)))
    polygons = []
    for outside in (False, True):
        corners = [(u * Fraction(a), v * Fraction(b)) for u, v in disc_polygon(0, 0, 1, outside)]
        polygons.append([(x + cos * u - sin * v, y + sin * u + cos * v) for u, v in corners])
    for row, column in np.ndindex(21, 21):
        image = np.zeros((21, 21))
        image[row, column] = 1.0
        weight = aperture_photometry(image, [float(x)], [float(y)], 1.0, ellipse=(a, b, theta)).flux[0]
        low, left = Fraction(2 * row - 1, 2), Fraction(2 * column - 1, 2)
        inner, outer = (float(clipped_area(polygon, left, low)) for polygon in polygons)
        assert inner - 1e-14 <= weight <= outer + 1e-14
        assert outer - inner < 0.03


def arctangent(t):
    """Series after halving the angle, in the precision of the context."""
    halvings = 0
    while abs(t) > Decimal("0.01"):
        t = t / (1 + (1 + t * t).sqrt())
        halvings += 1
    total, power, term = Decimal(0), t, 0
    while abs(power) > Decimal(10) ** -60:
        total += power / (2 * term + 1) * (-1) ** term
        power *= t * t
        term += 1
    return total * 2**halvings


def decimal_weight(x, y, radius, column, row):
    """Mixed difference of the area of the disc between the axes and the corners of a pixel."""
    r = Decimal(radius)

    def under(t):
        """Integral of the half-chord from 0 to t."""
        chord = (r * r - t * t).sqrt()
        angle = arctangent(t / chord) if chord else 2 * arctangent(Decimal(1))
        return (t * chord + r * r * angle) / 2

    def corner(cx, cy):
        sign = (1 if cx > 0 else -1) * (1 if cy > 0 else -1)
        cx, cy = min(abs(cx), r), min(abs(cy), r)
        crossing = (r * r - cy * cy).sqrt()
        if cx <= crossing:
            return sign * cx * cy
        return sign * (crossing * cy + under(cx) - under(crossing))

    half = Decimal("0.5")
    left, low = column - half - Decimal(x), row - half - Decimal(y)
    return corner(left + 1, low + 1) - corner(left, low + 1) - corner(left + 1, low) + corner(left, low)


@pytest.mark.parametrize("radius", [0.1, 0.5, 1.7, 4.0, 10.0, 16.0, 16.5, 25.3, 70.0])
def test_weights_agree_with_fifty_digits(radius):
    size = 2 * int(np.ceil(radius)) + 5
    middle = size // 2
    rng = np.random.default_rng(7)
    for _ in range(6):
        x, y = middle + rng.uniform(-0.5, 0.5, 2)
        angle = rng.uniform(0, 2 * np.pi)
        column, row = (
            int(np.floor(c + 0.5)) for c in (x + radius * np.cos(angle), y + radius * np.sin(angle))
        )
        with localcontext() as context:
            context.prec = 50
            expected = float(decimal_weight(float(x), float(y), radius, column, row))
        assert weight_of(x, y, radius, column, row, size) == pytest.approx(expected, abs=4e-13)
