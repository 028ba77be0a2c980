"""How fast quanta end: over the last minute, and not before that says something."""

from collections import deque

WINDOW_S = 60.0
LEAST_S = 2.0
"""How long there must have been something to count: what ends in the first second began together."""
LEAST = 3
"""How many must have ended in that time."""
_STEP_S = 0.1


class Rate:
    """Counts what has ended by time.

    The first to end tell when counting began, and are not counted: nobody knows how long they took.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, now_s: float, ended: int) -> None:
        """Note that so many have ended until now, by a clock that never goes back."""
        samples = self._samples
        if not ended or (samples and ended == samples[-1][1]):
            return
        if len(samples) > 1 and now_s - samples[-2][0] < _STEP_S:
            samples.pop()
        samples.append((now_s, ended))
        while len(samples) > 2 and now_s - samples[1][0] > WINDOW_S and ended - samples[1][1] >= LEAST:
            samples.popleft()

    def per_s(self, now_s: float) -> float:
        """Return how many end in a second; 0 as long as that can't be said."""
        if not self._samples:
            return 0.0
        first_s, first = self._samples[0]
        count, elapsed_s = self._samples[-1][1] - first, now_s - first_s
        return count / elapsed_s if count >= LEAST and elapsed_s >= LEAST_S else 0.0
