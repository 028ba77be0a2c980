"""Many convex polygons at once: their corners as arrays, circles around and inside them, which overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Integers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

# A polygon is encoded as this letter and its corners' unit vectors, little-endian, in anticlockwise order.
_POLYGON: Final = b"p"
_CORNER_BYTES: Final = 24
_TOLERANCE: Final = 1e-6  # of the length of a unit vector
_ROUNDING: Final = 1e-14  # several times that of a triple product of unit vectors
_AT_ONCE: Final = 8192  # pairs, whose arrays fit the processor's cache


def corners(encoded: Sequence[bytes | None]) -> Iterator[tuple[Integers, Floats]]:
    """Yield the polygons among encoded regions, those of one number of corners together.

    Parameters
    ----------
    encoded : sequence of `bytes` or `None`
        Regions, as `registry.spatial.encode` makes them.

    Yields
    ------
    indices : `numpy.ndarray`, shape (m,), int64
        Which of the regions they are.
    corners : `numpy.ndarray`, shape (m, k, 3)
        Unit vectors.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, each in enumerate(encoded):
        if each is not None and each[:1] == _POLYGON and len(each) % _CORNER_BYTES == 1 < len(each):
            by_length[len(each)].append(i)
    for length, indices in by_length.items():
        joined = b"".join([encoded[i] or b"" for i in indices])
        vectors = np.frombuffer(joined, np.uint8).reshape(-1, length)[:, 1:].copy().view("<f8")
        yield np.array(indices), vectors.reshape(len(indices), -1, 3)


def are_unit_vectors(vectors: Floats) -> Flags:
    """Return whether vectors, shape (…, 3), are of length 1."""
    close: Flags = np.abs(np.linalg.norm(vectors, axis=-1) - 1) < _TOLERANCE
    return close


def circles_around(corners: Floats) -> tuple[Floats, Floats]:
    """Return unit vectors of centres, shape (m, 3), and radii [rad], shape (m,); each holds all corners.

    It holds the polygon only if the radius is below π/2.
    """
    centres = corners.sum(axis=1)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    chords = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    return centres, 2 * np.arcsin(np.minimum(chords / 2, 1))


def circles_inside(corners: Floats, centres: Floats) -> Floats:
    """Return radii [rad] of the largest circles around points inside polygons; negative around others."""
    edges = np.cross(corners, np.roll(corners, -1, axis=1))
    edges /= np.linalg.norm(edges, axis=2, keepdims=True)
    nearest: Floats = np.einsum("mki,mi->mk", edges, centres).min(axis=1)
    return np.arcsin(np.clip(nearest, -1, 1))


def surely_overlap(corners_a: Floats, a: Integers, corners_b: Floats, b: Integers) -> tuple[Flags, Flags]:
    """Tell for pairs of polygons whether they overlap, where rounding can't have changed the answer.

    Two polygons in one hemisphere are apart if, and only if, all corners of one lie outside a side of the
    other.

    Parameters
    ----------
    corners_a, corners_b : `numpy.ndarray`, shape (m, k, 3)
        The corners of the polygons of each side.
    a, b : `numpy.ndarray`, shape (n,), int64
        Which polygons are the pairs, each of the size of less than a hemisphere.

    Returns
    -------
    overlap, apart : `numpy.ndarray`, shape (n,), bool
        Both are false for a pair that is too close to tell.
    """
    overlap, apart = np.empty(len(a), bool), np.empty(len(a), bool)
    (points_a, sides_a), (points_b, sides_b) = map(_points_and_sides, (corners_a, corners_b))
    for start in range(0, len(a), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        farthest_in = np.concatenate(
            [
                _farthest_in(sides_a[..., a[some]], points_b[..., b[some]]),
                _farthest_in(sides_b[..., b[some]], points_a[..., a[some]]),
            ]
        )
        overlap[some] = (farthest_in > _ROUNDING).all(axis=0)
        apart[some] = (farthest_in < -_ROUNDING).any(axis=0)
    return overlap, apart


def _points_and_sides(corners: Floats) -> tuple[Floats, Floats]:
    """Return corners, and normals of the sides that point inwards, as arrays of shape (k, 3, m)."""
    sides = np.cross(corners, np.roll(corners, -1, axis=1))
    return np.ascontiguousarray(corners.transpose(1, 2, 0)), np.ascontiguousarray(sides.transpose(1, 2, 0))


def _farthest_in(sides: Floats, points: Floats) -> Floats:
    """Return how far inside each side, shape (k, 3, n), the farthest of points, shape (l, 3, n), lies."""
    farthest = np.full((len(sides), sides.shape[2]), -np.inf)
    for point in points:
        np.maximum(farthest, np.einsum("kin,in->kn", sides, point), out=farthest)
    return farthest
