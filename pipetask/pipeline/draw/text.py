"""A pipeline graph as text, drawn like ``git log --graph``: one node a line, its arrows at the left."""

from __future__ import annotations

from collections.abc import Collection

from pipetask.pipeline.draw.content import Content, DrawnNode, Key

_TASK, _DATASET_TYPE = "■", "○"
# Box characters by whether a line leaves them up, down, left, right.
_BOX = {
    (1, 1, 0, 0): "│",
    (0, 0, 1, 1): "─",
    (0, 1, 0, 1): "┌",
    (0, 1, 1, 0): "┐",
    (1, 0, 0, 1): "└",
    (1, 0, 1, 0): "┘",
    (1, 1, 0, 1): "├",
    (1, 1, 1, 0): "┤",
    (0, 1, 1, 1): "┬",
    (1, 0, 1, 1): "┴",
    (1, 1, 1, 1): "┼",
    (0, 0, 0, 0): " ",
}


def draw_text(drawn: Content) -> str:
    """Draw nodes and arrows as text, one line per task (■) and dataset type (○).

    Parameters
    ----------
    drawn : `Content`
        What to draw, the nodes in an order in which all arrows point down.
    """
    return "\n".join(_Lanes(drawn).draw())


class _Lanes:
    """The columns at the left: each carries a node downwards until the last of its targets is drawn."""

    def __init__(self, drawn: Content) -> None:
        self._nodes = drawn.nodes
        self._waiting: dict[Key, set[Key]] = {node.key: set() for node in drawn.nodes}
        for arrow in drawn.arrows:
            self._waiting[arrow.source.key].add(arrow.target.key)
        self._lanes: list[Key | None] = []
        self._previous = -1

    def draw(self) -> list[str]:
        """Return the lines."""
        lines: list[tuple[str, str]] = []
        for node in self._nodes:
            incoming, ending = self._arriving(node.key)
            column = min(ending) if ending else self._free_column(starts=not incoming)
            if joined := [lane for lane in incoming if lane != column]:
                lines.append((self._connect(column, joined, ending), ""))
            for lane in ending:
                self._lanes[lane] = None
            text = f"{node.name}: {node.detail}" if node.detail else node.name
            lines.append((self._row(column, node), text))
            if self._waiting[node.key]:
                self._lanes[column] = node.key
            self._previous = column
        width = max((len(art) for art, _ in lines), default=0)
        return [f"{art:<{width}}  {text}".rstrip() for art, text in lines]

    def _arriving(self, key: Key) -> tuple[list[int], list[int]]:
        """Take the node off the waiting lists; return the lanes that lead to it, and those that end there."""
        incoming, ending = [], []
        for lane, source in enumerate(self._lanes):
            if source is not None and key in self._waiting[source]:
                incoming.append(lane)
                self._waiting[source].discard(key)
                if not self._waiting[source]:
                    ending.append(lane)
        return incoming, ending

    def _free_column(self, *, starts: bool) -> int:
        """Return an unused column; for a node that nothing leads to, not the one right below another node."""
        for lane, source in enumerate(self._lanes):
            if source is None and not (starts and lane == self._previous):
                return lane
        self._lanes.append(None)
        return len(self._lanes) - 1

    def _connect(self, column: int, joined: list[int], ending: Collection[int]) -> str:
        """Draw the line that leads from lanes to the column of the next node."""
        first, last = min(column, *joined), max(column, *joined)
        art = []
        for lane, source in enumerate(self._lanes):
            inside = first <= lane <= last
            meets = lane == column or lane in joined
            up = source is not None
            down = lane == column or (up and lane not in ending)
            left, right = inside and lane > first, inside and lane < last
            if inside and not meets and up:
                left = right = False  # a lane that only passes stays whole
            art.append(
                _BOX[int(up), int(down), int(left), int(right)] + ("─" if inside and lane < last else " ")
            )
        return "".join(art).rstrip()

    def _row(self, column: int, node: DrawnNode) -> str:
        symbol = _TASK if node.is_task else _DATASET_TYPE
        art = ["│" if source is not None else " " for source in self._lanes]
        art[column] = symbol
        return " ".join(art).rstrip()
