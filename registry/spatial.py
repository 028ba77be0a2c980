"""Regions on the sky: their encoding, their bounding circles and which of them overlap."""

from __future__ import annotations

from lsst.sphgeom import Region


def encode(region: Region) -> bytes:
    """Return the bytes that stand for a region in the database."""
    return region.encode()


def decode(encoded: bytes) -> Region:
    """Return the region that the bytes stand for."""
    return Region.decode(encoded)
