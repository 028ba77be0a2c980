"""What results look like in a few kilobytes: a thumbnail of an image, histograms of a catalog's columns."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

THUMBNAIL = 180
"""Largest width and height of a thumbnail [pixel]."""
MOST_COLUMNS = 8
BINS = 40
WIDE = 10
"""Largest value over the median, from which on the scale of a histogram is logarithmic."""


def preview(obj: Any) -> str:
    """Return HTML that shows an image or a table in small; empty for everything else.

    Parameters
    ----------
    obj : object
        What a dataset holds, of any type.
    """
    pixels = getattr(obj, "image", obj)
    if isinstance(pixels, np.ndarray) and pixels.ndim == 2 and pixels.size and pixels.dtype.kind in "iuf":
        return _thumbnail(pixels)
    names = getattr(obj, "colnames", None) or getattr(obj, "column_names", None)
    if names:
        columns = ((name, _numbers(obj[name])) for name in names)
        varied = [(name, values) for name, values in columns if values.size and np.ptp(values) > 0]
        # What was measured says more than where, and that more than numbers of things.
        measured = sorted(
            varied, key=lambda column: (not _is_brightness(column[0]), column[1].dtype.kind != "f")
        )
        drawn = "".join(_histogram(name, values) for name, values in measured[:MOST_COLUMNS])
        return f"<p>{len(obj):,} rows, {len(names)} columns</p>{drawn}"
    return ""


def _thumbnail(pixels: npt.NDArray[Any]) -> str:
    step = max(1, -(-max(pixels.shape) // THUMBNAIL))
    ny, nx = (n // step * step for n in pixels.shape)
    blocks = pixels[:ny, :nx].astype(float).reshape(ny // step, step, nx // step, step)
    small = np.asarray(np.ma.masked_invalid(blocks).mean(axis=(1, 3)).filled(np.nan))
    low, high = np.nanpercentile(small, [5, 99.7]) if np.isfinite(small).any() else (0.0, 1.0)
    scaled = np.arcsinh(10 * np.clip((small - low) / (high - low or 1.0), 0, 1)) / np.arcsinh(10)
    grey = (255 * np.nan_to_num(scaled)).astype(np.uint8)[::-1]  # the first row is at the bottom, as in FITS
    data = base64.b64encode(png(grey)).decode()
    size = f"{pixels.shape[1]} x {pixels.shape[0]}"
    return f'<img src="data:image/png;base64,{data}" alt="thumbnail"><p>{size} pixels</p>'


def png(grey: npt.NDArray[np.uint8]) -> bytes:
    """Encode grey values as a PNG file."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    height, width = grey.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = np.hstack([np.zeros((height, 1), np.uint8), grey]).tobytes()  # 0: no filter
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _is_brightness(name: str) -> bool:
    return any(word in name.lower() for word in ("flux", "mag", "signal"))


def _numbers(column: Any) -> npt.NDArray[Any]:  # a column of any kind of table
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.ma.asarray(column).compressed()
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        return np.zeros(0)
    found: npt.NDArray[Any] = values[np.isfinite(values)]
    return found


def _histogram(name: str, values: npt.NDArray[Any]) -> str:
    low, high = np.percentile(values, [1, 99])
    if low == high:
        low, high = values.min(), values.max()
    # Fluxes go over decades: most would stand in one bar.
    is_wide = values.min() > 0 and high > WIDE * np.median(values)
    bins = np.geomspace(low, high, BINS + 1) if is_wide else np.linspace(low, high, BINS + 1)
    counts, edges = np.histogram(np.clip(values, bins[0], bins[-1]), bins)
    tallest = counts.max() or 1
    bars = "".join(
        f'<rect x="{4 * i}" y="{50 - 48 * n / tallest:.1f}" width="3.4" height="{48 * n / tallest:.1f}"/>'
        for i, n in enumerate(counts.tolist())
    )
    # So many digits that the two ends differ.
    digits = 4 + max(0, -int(np.floor(np.log10((edges[-1] - edges[0]) / np.abs(edges).max()))))
    ends = " … ".join(f"{end:.{digits}g}" for end in (edges[0], edges[-1])) + ", log" * bool(is_wide)
    return (
        f'<figure><svg viewBox="0 0 {4 * BINS} 50" width="{4 * BINS}" height="50" class="histogram">'
        f"{bars}</svg>"
        f"<figcaption>{escape(name)}<br><small>{ends}</small></figcaption></figure>"
    )
