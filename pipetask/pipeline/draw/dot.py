"""A pipeline graph in DOT, the language of Graphviz."""

from __future__ import annotations

from pipetask.pipeline.draw.content import Content


def draw_dot(drawn: Content) -> str:
    """Draw nodes and arrows in DOT; prerequisites have dashed arrows."""
    ids = {node.key: f"n{i}" for i, node in enumerate(drawn.nodes)}
    lines = ["digraph pipeline {", "    node [fontname=sans];"]
    for node in drawn.nodes:
        shape = "shape=box, style=filled" if node.is_task else "shape=box, style=rounded"
        lines.append(f'    {ids[node.key]} [label="{_quoted(node.name)}\\n{_quoted(node.detail)}", {shape}];')
    for arrow in drawn.arrows:
        style = " [style=dashed]" if arrow.is_prerequisite else ""
        lines.append(f"    {ids[arrow.source.key]} -> {ids[arrow.target.key]}{style};")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
