"""Part of the sample points of pixels that is inside circles and ellipses, counted along upright chords."""

import numpy as np
import numpy.typing as npt

from pipetask.photometry.circle import half_chord
from pipetask.photometry.outline_pieces import filled
from pipetask.photometry.planes import Floats
from pipetask.photometry.sample_weights import samples
from pipetask.photometry.shapes import Shape

# Points that are nearer to the end of a chord than this part of the height are tested one by one.
_NEAR = 1e-7

# Most columns of points that are worked on at once.
_POINTS = 1 << 16


def chord_weights(left: Floats, low: Floats, shape: Shape, divisions: int) -> Floats:
    """Part of the ``divisions``² points of each unit pixel that is inside, shape (n, rows, columns).

    ``left`` and ``low`` are the left and low sides of the pixels from the centres, in shapes (n, columns) and
    (n, rows).
    """
    if left.size * divisions > _POINTS and left.size > 1:
        axis = 0 if len(left) > 1 else 2
        half = left.shape[axis // 2] // 2
        parts = []
        for part in (slice(half), slice(half, None)):
            some = (left[part], low[part], shape.take(part)) if axis == 0 else (left[:, part], low, shape)
            parts.append(chord_weights(*some, divisions))
        return np.concatenate(parts, axis=axis)
    x = samples(left, divisions)
    slope, rise = (part[:, None] for part in shape.shear)
    width, height = (part[:, None] for part in shape.extents)
    u = np.clip(x / width, -1.0, 1.0)
    half = half_chord(u, 1.0)
    half *= rise
    middle = slope * u
    middle -= low[:, :1]
    # places of the ends, lower and upper, among the points of a column
    ends = np.stack([middle - half, middle + half])
    ends *= divisions
    ends -= 0.5
    below = np.ceil(ends)
    nearest = np.rint(ends)
    ends -= nearest
    near = np.abs(ends, out=ends) < _NEAR * divisions * height
    near &= (nearest >= 0) & (nearest < low.shape[1] * divisions)
    if near.any():
        upper, place, each, column = np.nonzero(near)
        number = nearest[near].astype(np.int64)
        y = samples(low, divisions)[number % divisions, each, number // divisions]
        inside = _inside(x[place, each, column], y, shape.take(each))
        below[near] = number + (inside == upper)
        np.maximum(below[0], below[1], out=below[1])
    row = np.floor(below / divisions)
    below -= row * divisions
    run = np.full(below.shape, float(divisions))
    for values in (below, run):
        np.negative(values[0], out=values[0])
    weights = filled(row, np.arange(float(left.shape[1])), below, run, low.shape[1], left.shape[1])
    weights /= divisions**2
    return weights


def _inside(x: Floats, y: Floats, shape: Shape) -> npt.NDArray[np.bool_]:
    """Whether points are inside, by the arithmetic of photutils, which decides about points on the rim."""
    inside: npt.NDArray[np.bool_]
    if shape.round:
        inside = x * x + y * y < shape.a * shape.a
    else:
        along = (y * shape.sin + x * shape.cos) / shape.a
        across = (y * shape.cos - x * shape.sin) / shape.b
        inside = along * along + across * across < 1
    return inside
