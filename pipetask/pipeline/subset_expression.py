"""Subset expressions: which tasks of a pipeline ``--select-tasks`` takes.

::

    union        := intersection ("|" intersection)*
    intersection := operand ("&" operand)*
    operand      := "~" operand | "(" union ")" | direction? name
    direction    := "<" | "<=" | ">" | ">="
    name         := ("T:" | "D:" | "S:")? identifier

A name is a task, a subset or a dataset type, and in doubt the first of these; ``T:``, ``S:`` and ``D:`` say
which. ``<=a`` is a and all that it depends on, ``>=a`` is a and all that depends on it; ``<`` and ``>`` leave
out a itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import networkx as nx

from pipetask.butler import suggest
from pipetask.errors import SubsetExpressionError

Node = tuple[str, str]
_TOKEN = re.compile(r"\s*(?:(?P<symbol><=|>=|[<>|&~()])|(?P<name>(?:[TDS]:)?[A-Za-z_][\w.-]*))")
_KINDS = {"T": "task", "S": "subset", "D": "dataset_type"}
_WORDS = {"task": "task", "subset": "subset", "dataset_type": "dataset type"}


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    position: int
    is_name: bool


def selected_tasks(expression: str, graph: nx.DiGraph, subsets: Mapping[str, Collection[str]]) -> set[str]:
    """Return the labels of the tasks that an expression stands for.

    Parameters
    ----------
    expression : `str`
        The expression.
    graph : `networkx.DiGraph`
        Nodes ``("task", label)`` and ``("dataset_type", name)``, with arrows in the direction of the data.
    subsets : mapping
        Labels of the tasks of each subset.

    Raises
    ------
    SubsetExpressionError
        If the expression cannot be read, or names something unknown.
    """
    parser = _Parser(expression, graph, subsets)
    return {name for kind, name in parser.parse() if kind == "task"}


class _Parser:
    """Reads an expression from left to right and knows the nodes of what it has read."""

    def __init__(self, text: str, graph: nx.DiGraph, subsets: Mapping[str, Collection[str]]) -> None:
        self._text = text
        self._graph = graph
        self._subsets = subsets
        self._tokens = self._scan()
        self._next = 0

    def parse(self) -> set[Node]:
        """Return the nodes that the whole expression stands for."""
        nodes = self._union()
        if self._next < len(self._tokens):
            raise self._error("expected | or & or the end", self._tokens[self._next].position)
        return nodes

    def _scan(self) -> list[_Token]:
        tokens, position, end = [], 0, len(self._text.rstrip())
        while position < end:
            found = _TOKEN.match(self._text, position)
            if found is None:
                rest = self._text[position:]
                position += len(rest) - len(rest.lstrip())
                raise self._error(f"unexpected {self._text[position]!r}", position)
            kind = found.lastgroup or ""
            tokens.append(_Token(found[kind], found.start(kind), kind == "name"))
            position = found.end()
        return tokens

    def _union(self) -> set[Node]:
        nodes = self._intersection()
        while self._take("|"):
            nodes = nodes | self._intersection()
        return nodes

    def _intersection(self) -> set[Node]:
        nodes = self._operand()
        while self._take("&"):
            nodes = nodes & self._operand()
        return nodes

    def _operand(self) -> set[Node]:
        if self._take("~"):
            return set(self._graph) - self._operand()
        if self._take("("):
            nodes = self._union()
            if not self._take(")"):
                raise self._error("expected )", self._position())
            return nodes
        direction = self._take("<", "<=", ">", ">=")
        nodes = self._named()
        if not direction:
            return nodes
        reach = nx.ancestors if direction.startswith("<") else nx.descendants
        reached: set[Node] = set().union(*(reach(self._graph, node) for node in nodes))
        return reached | nodes if direction.endswith("=") else reached - nodes

    def _named(self) -> set[Node]:
        token = self._tokens[self._next] if self._next < len(self._tokens) else None
        if token is None or not token.is_name:
            raise self._error("expected a task, subset or dataset type", self._position())
        self._next += 1
        qualifier, colon, name = token.text.rpartition(":")
        for kind in [_KINDS[qualifier]] if colon else _KINDS.values():
            if kind == "subset" and name in self._subsets:
                return {("task", label) for label in self._subsets[name]}
            if (kind, name) in self._graph:
                return {(kind, name)}
        what = _WORDS[_KINDS[qualifier]] if colon else "task, subset or dataset type"
        known = [*self._subsets, *(node for _, node in self._graph)]
        raise self._error(f"there is no {what} {name!r}", token.position, suggest(name, known))

    def _take(self, *symbols: str) -> str:
        if self._next < len(self._tokens) and self._tokens[self._next].text in symbols:
            self._next += 1
            return self._tokens[self._next - 1].text
        return ""

    def _position(self) -> int:
        if self._next < len(self._tokens):
            return self._tokens[self._next].position
        return len(self._text)

    def _error(self, what: str, position: int, suggestion: str = "") -> SubsetExpressionError:
        return SubsetExpressionError(
            f"Cannot select tasks by {self._text!r}: {what}, at character {position + 1}{suggestion}"
        )
