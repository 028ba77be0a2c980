"""Write the pages of docs/reference, and the code that pages show: python docs/generate.py."""  # noqa: INP001  (a script)

import ast
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from pipetask.butler import DimensionElement, DimensionUniverse, StorageClasses
from pipetask.cli.main import CommandFolder, butler, pipetask
from pipetask.compat.names import PACKAGES, lookup

FOLDER = Path(__file__).parent / "reference"
ROOT = Path(__file__).parents[1]
SHOWN = re.compile(r"^<!-- code: (\S+)([^\n]*?) -->\n(?:```.*?^```\n)?", re.MULTILINE | re.DOTALL)
NOTE = "Made by `python docs/generate.py`; a test keeps it in step with the code."
DATA_IDS = """\
A data ID holds the dimensions that its dataset type names and those that they require; what they
imply follows."""
SKY_PIXELS = """\
Pixels of the whole sky are dimensions too, made when they are named: `htm0` to `htm24`, `healpix0` to
`healpix17`."""
STAND_INS = """\
Which public names of the reference's packages there are here. [Coming from the
reference](../coming_from_the_reference.md) says how a module that imports them runs unchanged."""
COLUMNS = """\
Expressions name them `element.column`. A dimension's own value is named like the dimension, or `element.id`
and `element.name`."""


def commands() -> str:
    """Return the page of commands: each with its help, as a terminal of 100 columns shows it."""
    lines = ["# Commands", "", NOTE, ""]
    for group in (pipetask, butler):
        for name in group.list_commands(click.Context(group)):
            lines += [f"## {group.name} {name}", "", "```", _help(group, name), "```", ""]
    return "\n".join(lines)


def _help(group: CommandFolder, name: str) -> str:
    settings = {**group.context_settings, "terminal_width": 100, "max_content_width": 100}
    parent = click.Context(group, info_name=group.name, **settings)
    command = group.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    return command.get_help(context)


def dimensions() -> str:
    """Return the page of dimensions: what each depends on, and the columns of its records."""
    universe = DimensionUniverse.default()
    elements = list(universe.elements)
    lines = ["# Dimensions", "", NOTE, ""]
    lines += [f"The universe is `{universe.namespace}`, version {universe.version}.", ""]
    rows = [(_code(e.name), _names(_others(e)), _names(e.implied), e.doc) for e in elements if e.is_dimension]
    lines += [*_table(("dimension", "requires", "implies", "meaning"), rows), ""]
    lines += [
        DATA_IDS,
        "",
        "Other names: " + ", ".join(f"`{a}` is `{name}`" for a, name in universe.aliases.items()) + ".",
        "",
        SKY_PIXELS,
        "",
        "## Relations between dimensions",
        "",
        *_table(
            ("element", "relates", "meaning"),
            [(_code(e.name), _names(e.required), e.doc) for e in elements if not e.is_dimension],
        ),
        "",
        "## Columns of the records",
        "",
        COLUMNS,
        "",
    ]
    for element in elements:
        columns = [
            (_code(c.name), c.type, c.doc)
            for c in element.columns
            if c.name not in (*element.required, *element.implied)
            and c.name not in ("region", "timespan_begin", "timespan_end")
        ]
        if element.spatial:
            columns.append((_code("region"), "region", "Outline on the sky."))
        if element.temporal:
            columns.append((_code("timespan"), "timespan", "With `.begin` and `.end`."))
        if columns:
            lines += [f"### {element.name}", "", *_table(("column", "type", "meaning"), columns), ""]
    return "\n".join(lines)


def _others(element: DimensionElement) -> list[str]:
    return [name for name in element.required if name != element.name]


def storage_classes() -> str:
    """Return the page of storage classes: Python type, default format, components, parameters, converters."""
    known = StorageClasses()
    rows = []
    for name in known.names():
        storage_class = known.get(name)
        components = [f"`{part}`: {kind}" for part, kind in storage_class.components.items()]
        rows.append(
            (
                _code(name),
                _code(storage_class.pytype_name.removeprefix("builtins.")),
                storage_class.formatter,
                ", ".join(components),
                _names(sorted(storage_class.parameters)),
                _names(sorted(storage_class.converters)),
            )
        )
    head = ("storage class", "Python type", "format", "components", "parameters", "also takes")
    return "\n".join(["# Storage classes", "", NOTE, "", *_table(head, rows), ""])


def names_of_the_reference() -> str:
    """Return the page that says of each public name of the reference's two packages whether it is here."""
    lines = ["# Names of the reference", "", NOTE, "", STAND_INS, ""]
    for package in PACKAGES:
        names = lookup(package)
        lines += [f"## {package}", ""]
        rows = [(_code(name), *_same(place)) for name, place in names.same.items()]
        rows += [
            (_code(name), "different", f"{_place(place)}. {names.differences[name]}")
            for name, place in names.different.items()
        ]
        rows += [(_code(name), "absent", f"{why[0].upper()}{why[1:]}.") for name, why in names.absent.items()]
        lines += [*_table(("name", "here", "where, how, why"), sorted(rows)), ""]
        if names.former:
            lines += ["Names of earlier releases:", ""]
            rows = [(_code(name), _place(place)) for name, place in names.former.items()]
            lines += [*_table(("name", "where"), rows), ""]
    return "\n".join(lines)


def _same(place: str) -> tuple[str, str]:
    if place.startswith("lsst."):
        return "module", f"It has {_names(sorted(lookup(place).here))}."
    return "same", _place(place)


def _place(place: str) -> str:
    return _code(place.replace(":", "."))


def _code(name: str) -> str:
    return f"`{name}`"


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_code, names))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def with_code(page: str) -> str:
    """Return a page with the code that its marker lines ask for, each in a block after the line.

    A marker is ``<!-- code: FILE -->`` for a whole file, or ``<!-- code: FILE NAME … -->`` for the classes,
    functions and methods (``Class.method``) of these names. A block that follows is replaced.
    """
    return SHOWN.sub(_marker_and_code, page)


def _marker_and_code(marker: re.Match[str]) -> str:
    path, names = ROOT / marker[1], marker[2].split()
    source = path.read_text("utf-8")
    language = {".py": "python fragment", ".yaml": "yaml"}[path.suffix]
    code = "\n\n\n".join(_definition(source, name, path) for name in names) if names else source.rstrip()
    return f"<!-- code: {marker[1]}{marker[2]} -->\n```{language}\n{code}\n```\n"


def _definition(source: str, name: str, path: Path) -> str:
    """Return the lines of a class, function or method, as they stand in the file."""
    body: list[ast.stmt] = ast.parse(source).body
    for part in name.split("."):
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            raise LookupError(f"{path} has no {name!r}")
        node = found[0]
        body = getattr(node, "body", [])
    return textwrap.dedent("\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno]))


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "dimensions.md": dimensions,
    "names_of_the_reference.md": names_of_the_reference,
    "storage_classes.md": storage_classes,
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in PAGES.items():
        (FOLDER / file).write_text(text(), "utf-8")
    for path in sorted(Path(__file__).parent.glob("*.md")):
        path.write_text(with_code(path.read_text("utf-8")), "utf-8")
