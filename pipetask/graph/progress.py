"""How far graph building is, told step by step to whoever draws a bar."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called before each step with what it does, how many steps are done, and how many there are."""


@dataclass(slots=True)
class Steps:
    """Counts steps and tells them.

    Parameters
    ----------
    tell
        Who is told; nobody if `None`.
    total
        How many steps there will be.
    """

    tell: Progress | None
    total: int
    done: int = 0

    def begin(self, what: str) -> None:
        """Tell that a step begins."""
        if self.tell is not None:
            self.tell(what, self.done, self.total)
        self.done += 1
