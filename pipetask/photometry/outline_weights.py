"""Areas of the pixels of windows that circles and ellipses cover, summed up along the outline.

The outline is cut where it crosses borders between pixels, so that each piece lies in one pixel. There it
adds the area between itself and the pixel's lower border; to the pixels below it adds its whole width.
Formulae: docs/concepts/aperture_overlap.md.
"""

import numpy as np

from pipetask.photometry.circle import half_chord
from pipetask.photometry.outline_pieces import filled
from pipetask.photometry.planes import Floats
from pipetask.photometry.shapes import Shape

# What rounding leaves of areas of 0 and 1, as part of half the width.
_ROUNDING = 1e-14


def outline_weights(left: Floats, low: Floats, shape: Shape) -> Floats:
    """Covered areas of unit pixels, shape (n, rows, columns).

    ``left`` and ``low`` are the left and low sides of the pixels from the centres, in shapes (n, columns) and
    (n, rows).
    """
    width, height = (extent[:, None] for extent in shape.extents)
    slope, rise = (part[:, None] for part in shape.shear)
    u, v = _cuts(_borders(left) / width, _borders(low) / height, slope / height, rise / height)
    x = width * u
    x -= left[:, :1]
    y = slope * u
    y += rise * v
    y -= low[:, :1]
    run = x[:, :-1] - x[:, 1:]
    column, height_inside = _middles(x), _middles(y)
    np.floor(column, out=column)
    row = np.floor(height_inside)
    height_inside -= row
    height_inside *= run
    height_inside += _segments(u, v) * (width * rise)
    weights = filled(row, column, height_inside, run, low.shape[1], left.shape[1])
    rounding = (_ROUNDING * width)[:, :, None]
    np.copyto(weights, 0.0, where=weights < rounding)
    np.copyto(weights, 1.0, where=weights > 1.0 - rounding)
    return weights


def _borders(sides: Floats) -> Floats:
    """All borders of pixels, from their left or low sides, between two that are beyond any shape."""
    count = sides.shape[1]
    borders = np.empty((len(sides), count + 3))
    borders[:, 0], borders[:, -1] = -np.inf, np.inf
    borders[:, 1:-2] = sides
    borders[:, -2] = sides[:, -1] + 1.0
    return borders


def _cuts(column: Floats, row: Floats, slope: Floats, rise: Floats) -> tuple[Floats, Floats]:
    """Points of the unit circle on borders of columns, which are at ``u``, and of rows, at slope·u + rise·v.

    Counter-clockwise from the leftmost point, which stands at both ends. A border beyond the circle
    gives its extreme point, which does no harm.
    """
    columns, rows = column.shape[1], row.shape[1]
    u, v, angle = np.empty((3, len(column), 2 * (columns + rows)))
    parts = [slice(0, columns), slice(columns, 2 * columns)]
    np.clip(column, -1.0, 1.0, out=column)
    u[:, parts[0]] = u[:, parts[1]] = column
    v[:, parts[0]] = half_chord(column, 1.0)
    np.negative(v[:, parts[0]], out=v[:, parts[1]])
    np.arccos(column, out=angle[:, parts[0]])
    np.negative(angle[:, parts[0]], out=angle[:, parts[1]])

    np.clip(row, -1.0, 1.0, out=row)
    parts = [slice(2 * columns, -rows), slice(-rows, None)]
    across, turn = half_chord(row, 1.0), np.arccos(row)
    along_u, along_v, across_u, across_v = slope * row, rise * row, rise * across, slope * across
    np.subtract(along_u, across_u, out=u[:, parts[0]])
    np.add(along_v, across_v, out=v[:, parts[0]])
    np.add(along_u, across_u, out=u[:, parts[1]])
    np.subtract(along_v, across_v, out=v[:, parts[1]])
    middle = np.arctan2(rise, slope)
    np.add(middle, turn, out=angle[:, parts[0]])
    np.subtract(middle, turn, out=angle[:, parts[1]])
    angle[angle > np.pi] -= 2 * np.pi

    order = angle.argsort(axis=1)
    order += (np.arange(len(order)) * order.shape[1])[:, None]
    return u.reshape(-1)[order], v.reshape(-1)[order]


def _middles(values: Floats) -> Floats:
    middles = values[:, :-1] + values[:, 1:]
    middles *= 0.5
    return middles


def _segments(u: Floats, v: Floats) -> Floats:
    """Areas between the unit circle and the chords from each point to the next, a quarter on at most."""
    square = u[:, 1:] - u[:, :-1]
    square *= square
    other = v[:, 1:] - v[:, :-1]
    other *= other
    square += other
    square *= 0.25
    triangle = 1.0 - square
    triangle *= square
    segments = np.arcsin(np.sqrt(square, out=square), out=square)
    segments -= np.sqrt(triangle, out=triangle)
    return segments
