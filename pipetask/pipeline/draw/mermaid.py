"""A pipeline graph as a Mermaid flowchart, which web pages and Markdown viewers render."""

from __future__ import annotations

from pipetask.pipeline.draw.content import Content


def draw_mermaid(drawn: Content) -> str:
    """Draw nodes and arrows as a Mermaid flowchart; prerequisites have dashed arrows."""
    ids = {node.key: f"n{i}" for i, node in enumerate(drawn.nodes)}
    lines = ["flowchart TD"]
    for node in drawn.nodes:
        left, right = ("[", "]") if node.is_task else ("([", "])")
        lines.append(f'    {ids[node.key]}{left}"{_quoted(node.name)}<br>{_quoted(node.detail)}"{right}')
    for arrow in drawn.arrows:
        line = "-.->" if arrow.is_prerequisite else "-->"
        lines.append(f"    {ids[arrow.source.key]} {line} {ids[arrow.target.key]}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(character, entity)
    return text
