"""A pipeline graph as one self-contained SVG file: no fonts, styles or scripts from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import pairwise
from typing import NamedTuple

from pipetask.pipeline.draw.content import Arrow, Content, DrawnNode, Key

# Lengths [pixel]. Text cannot be measured here: a character of the 12 pixel font is at most this wide.
_CHARACTER, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 7.3, 40.0, 24.0, 44.0, 12.0


class _Lane(NamedTuple):
    """Where the arrows from a node pass through a row on their way to a lower one."""

    source: Key
    row: int


Place = Key | _Lane


class _Box(NamedTuple):
    """Where a node is drawn: its left upper corner, and its width."""

    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def draw_svg(drawn: Content, title: str) -> str:
    """Draw nodes and arrows in SVG, data flowing down; prerequisites have dashed arrows.

    Nodes are groups with a ``data-name``; arrows name both ends.

    Parameters
    ----------
    drawn : `Content`
        What to draw.
    title : `str`
        What the drawing is called, for those who hear it read.
    """
    row_of = _row_of(drawn)
    boxes = _placed(drawn, row_of)
    width = max((box.x + box.width for box in boxes.values()), default=0.0) + _MARGIN
    height = max((box.y + _HEIGHT for box in boxes.values()), default=0.0) + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" ',
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="arrowhead" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" ',
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for arrow in drawn.arrows:
        dashes = ' stroke-dasharray="5 4"' if arrow.is_prerequisite else ""
        path = _path([boxes[key] for key in _route(arrow, row_of)])
        lines.append(
            f'<path class="arrow" data-from="{_address(arrow.source)}" data-to="{_address(arrow.target)}" '
            f'd="{path}" fill="none" stroke="#555" marker-end="url(#arrowhead)"{dashes}>'
            f"<title>{escape(arrow.source.name)} → {escape(arrow.target.name)}</title></path>"
        )
    lines += [_node(node, boxes[node.key]) for node in drawn.nodes]
    return "\n".join([*lines, "</svg>"])


def _address(node: DrawnNode) -> str:
    return escape(f"{'task' if node.is_task else 'dataset'}/{node.name}")


def _path(boxes: list[_Box]) -> str:
    """Return the curve from the first box down through lanes to the last."""
    y = boxes[0].y + _HEIGHT
    parts = [f"M{boxes[0].middle:.1f} {y:.1f}"]
    for before, box in pairwise(boxes):
        half = (y + box.y) / 2
        parts.append(
            f"C{before.middle:.1f} {half:.1f} {box.middle:.1f} {half:.1f} {box.middle:.1f} {box.y:.1f}"
        )
        y = box.y + _HEIGHT
        if box is not boxes[-1]:
            parts.append(f"V{y:.1f}")
    return "".join(parts)


def _node(node: DrawnNode, box: _Box) -> str:
    fill, radius, weight = ("#cfe3f7", 2, "bold") if node.is_task else ("#f6f1dc", 14, "normal")
    return (
        f'<g class="{"task" if node.is_task else "dataset"}" data-name="{escape(node.name)}">'
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{_HEIGHT:.0f}" '
        f'rx="{radius}" fill="{fill}" stroke="#555"/>'
        f'<text text-anchor="middle" x="{box.middle:.1f}" y="{box.y + 17:.1f}" font-weight="{weight}">'
        f"{escape(node.name)}</text>"
        f'<text text-anchor="middle" x="{box.middle:.1f}" y="{box.y + 32:.1f}" fill="#444">'
        f"{escape(node.detail)}</text></g>"
    )


def _row_of(drawn: Content) -> dict[Key, int]:
    """Return the row of each node, below all that lead to it."""
    sources: dict[Key, list[Key]] = {node.key: [] for node in drawn.nodes}
    for arrow in drawn.arrows:
        sources[arrow.target.key].append(arrow.source.key)
    rows: dict[Key, int] = {}
    for node in drawn.nodes:  # reading order: what leads to a node comes before it
        rows[node.key] = 1 + max((rows[key] for key in sources[node.key]), default=-1)
    return rows


def _route(arrow: Arrow, row_of: Mapping[Key, int]) -> list[Place]:
    """Return the node where an arrow begins, the lanes that it passes, and the node where it ends."""
    source, target = arrow.source.key, arrow.target.key
    lanes: list[Place] = [_Lane(source, row) for row in range(row_of[source] + 1, row_of[target])]
    return [source, *lanes, target]


def _placed(drawn: Content, row_of: Mapping[Key, int]) -> dict[Place, _Box]:
    """Place nodes and lanes row by row, each near what leads to it, so that few arrows cross."""
    rows: list[dict[Place, float]] = [{} for _ in range(max(row_of.values(), default=-1) + 1)]
    for node in drawn.nodes:
        rows[row_of[node.key]][node.key] = _CHARACTER * max(len(node.name), len(node.detail)) + 16
    leads: dict[Place, set[Place]] = {}
    for arrow in drawn.arrows:
        route = _route(arrow, row_of)
        for before, place in pairwise(route):
            leads.setdefault(place, set()).add(before)
        for lane in route:
            if isinstance(lane, _Lane):
                rows[lane.row][lane] = 0.0
    boxes: dict[Place, _Box] = {}
    for row, widths in enumerate(rows):
        above = {place: [boxes[key].middle for key in leads.get(place, ())] for place in widths}
        middles = {place: sum(xs) / len(xs) if xs else 0.0 for place, xs in above.items()}
        x = _MARGIN
        for place in sorted(widths, key=middles.__getitem__):
            x = max(x, middles[place] - widths[place] / 2)
            boxes[place] = _Box(x, _MARGIN + row * (_HEIGHT + _GAP_Y), widths[place])
            x += widths[place] + _GAP_X
    return boxes
