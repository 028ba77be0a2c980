"""Lines that cut a circle: half-chords, the areas they bound, and the pixel borders about a centre."""

import numpy as np

from pipetask.photometry.planes import Floats


def half_chord(distance: Floats, radius: float | Floats) -> Floats:
    """Half the length of the chord at a distance from the centre, which must not pass the radius."""
    chord = radius - distance
    chord *= radius + distance
    return np.sqrt(chord, out=chord)


def segment(dx: Floats, dy: Floats, radius: float | Floats) -> Floats:
    """Area between a chord with the given extents and its arc."""
    k = dx * dx
    k += dy * dy
    np.sqrt(k, out=k)
    k *= 0.5 / radius
    area = np.arcsin(np.minimum(k, 1.0))
    k *= np.sqrt(np.maximum(1.0 - k * k, 0.0))
    area -= k
    area *= radius**2
    return area


def border_lines(offset: Floats, count: int) -> Floats:
    """Distances of the centre itself and of pixel borders from it; shape (2 down/up, count + 1, n)."""
    borders = np.arange(count)[:, None] + 0.5
    lines = np.zeros((2, count + 1, len(offset)))
    np.add(borders, offset, out=lines[0, 1:])
    np.subtract(borders, offset, out=lines[1, 1:])
    return lines
