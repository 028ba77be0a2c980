"""Show rows as a table for people, or as JSON, JSON lines or CSV for programs."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

FORMATS = ("table", "json", "jsonl", "csv")

_GAP = "   "

Row = Sequence[Any]  # cells are whatever the query returned


def format_option() -> Callable[[Any], Any]:
    """Add ``--format`` to a command."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to show it.",
    )


def show(columns: Sequence[str], rows: Iterable[Row], format_: str) -> int:
    """Print rows to standard output.

    Parameters
    ----------
    columns : sequence of `str`
        Names of the columns.
    rows : iterable of sequences
        As many cells per row as there are columns.
    format_ : `str`
        One of `FORMATS`. JSON keeps numbers, lists, mappings and nulls; the other formats write text.

    Returns
    -------
    n : `int`
        How many rows were shown.
    """
    writer = {"table": _table, "json": _json, "jsonl": _json_lines, "csv": _csv}[format_]
    return writer(columns, rows)


def dataset_rows(
    refs: Sequence[Any], more: Mapping[str, Sequence[Any]] | None = None
) -> tuple[list[str], list[Row]]:
    """Return the columns and rows that show datasets: type, run, id, data ID, then columns in ``more``."""
    dimensions = list(dict.fromkeys(name for ref in refs for name in ref.dataId.dimensions.required))
    more = more or {}
    rows: list[Row] = [
        (
            *(ref.datasetType.name, ref.run, str(ref.id)),
            *(ref.dataId.get(name) for name in dimensions),
            *(values[i] for values in more.values()),
        )
        for i, ref in enumerate(refs)
    ]
    return ["type", "run", "id", *dimensions, *more], rows


def _table(columns: Sequence[str], rows: Iterable[Row]) -> int:
    cells = [[_text(cell) for cell in row] for row in rows]
    # Never cut a cell to the terminal's width: what is shown must be usable in the next command.
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    numeric = [bool(cells) and all(map(_is_number, column)) for column in zip(*cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        aligned = zip(row, widths, numeric or [False] * len(widths), strict=True)
        return _GAP.join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in aligned)

    click.echo(line(columns))
    click.echo("─" * (sum(widths) + len(_GAP) * (len(widths) - 1)))
    for row in cells:
        click.echo(line(row))
    return len(cells)


def _json(columns: Sequence[str], rows: Iterable[Row]) -> int:
    records = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
    click.echo(json.dumps(records, indent=1))
    return len(records)


def _json_lines(columns: Sequence[str], rows: Iterable[Row]) -> int:
    n = 0
    for n, row in enumerate(rows, 1):  # noqa: B007 - the count is the result
        click.echo(json.dumps(dict(zip(columns, map(_plain, row), strict=True))))
    return n


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> int:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    n = 0
    for n, row in enumerate(rows, 1):  # noqa: B007 - the count is the result
        writer.writerow([_text(cell) for cell in row])
    return n


def _plain(cell: Any) -> Any:
    if cell is None or isinstance(cell, bool | int | float | str):
        return cell
    if isinstance(cell, list | tuple):
        return [_plain(part) for part in cell]
    if isinstance(cell, Mapping):
        return {name: _plain(part) for name, part in cell.items()}
    return cell.item() if hasattr(cell, "item") else str(cell)


def _text(cell: Any) -> str:
    if isinstance(cell, list | tuple):
        return ", ".join(map(str, cell))
    if isinstance(cell, Mapping):
        return json.dumps(cell)
    return "" if cell is None else str(cell)


def _is_number(text: str) -> bool:
    return text == "" or text.lstrip("-").replace(".", "", 1).isdigit()
