"""What is wrong with the definition of a dimension universe: every fault, not only the first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from registry.suggest import suggest

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TYPES = ("string", "int", "float", "bool", "hash")
_TOP = {"namespace", "version", "aliases", "skypix", "spatial", "temporal", "elements"}
_PIXELS = {"htm": 24, "healpix": 17}
_ELEMENT = {
    "doc": str,
    "keys": list,
    "metadata": list,
    "requires": list,
    "implies": list,
    "governor": bool,
    "always_join": bool,
    "populated_by": str,
    "view_of": str,
}
_COLUMN = {"name": str, "type": str, "nullable": bool, "length": int, "doc": str}
_LONGEST = 26  # names of tables of overlaps hold two of them, and PostgreSQL cuts at 63 characters
_ADDED = {"region", "timespan_begin", "timespan_end", "circle_x", "circle_y", "circle_z", "circle_radius"}
TABLES = frozenset(
    {
        "alembic_version",
        "collection",
        "collection_chain",
        "collection_log",
        "collection_summary",
        "collection_summary_governor",
        "composite_part",
        "dataset",
        "dataset_input",
        "dataset_location",
        "dataset_type",
        "dimension_group",
        "quantum",
        "quantum_input",
        "quantum_version",
        "repository",
        "run",
        "temporary_dataset",
    }
)
"""Names of the registry's own tables, beside which those of elements stand."""


class Fault(NamedTuple):
    """What is wrong, and the top-level key or the element that it is written under."""

    place: str
    sentence: str


def faults(definition: Mapping[str, Any]) -> list[Fault]:
    """Return each fault of a universe's definition; none if it can be used."""
    found = list(_top(definition))
    elements = definition.get("elements")
    if "elements" not in definition:
        return found
    if not isinstance(elements, Mapping) or not elements:
        return [*found, Fault("elements", "'elements' is no mapping of names to definitions.")]
    for name, entry in elements.items():
        found += (Fault(str(name), sentence) for sentence in _element(name, entry, elements))
    found += _rings(elements)
    for kind in ("spatial", "temporal"):
        found += (Fault(kind, sentence) for sentence in _families(definition.get(kind) or {}, kind, elements))
    found += (Fault("aliases", sentence) for sentence in _aliases(definition.get("aliases"), elements))
    return found


def _top(definition: Mapping[str, Any]) -> Iterator[Fault]:
    for name in definition:
        if name not in _TOP:
            yield Fault(str(name), f"There is no {name!r} in a universe{_near(name, _TOP)}")
    namespace, version = definition.get("namespace"), definition.get("version")
    for name in ("namespace", "version", "elements"):
        if name not in definition:
            yield Fault(name, f"{name!r} is missing.")
    if "namespace" in definition and (not isinstance(namespace, str) or not namespace):
        yield Fault("namespace", f"'namespace' is no name: {namespace!r}.")
    if "version" in definition and (type(version) is not int or version < 0):
        yield Fault("version", f"'version' is no whole number: {version!r}.")
    for name in ("aliases", "skypix", "spatial", "temporal"):
        if not isinstance(definition.get(name) or {}, Mapping):
            yield Fault(name, f"{name!r} is no mapping: {definition[name]!r}.")
    for system, level in _mapping(definition.get("skypix")).items():
        if system not in _PIXELS:
            yield Fault("skypix", f"There are no sky pixels {system!r}; there are {', '.join(_PIXELS)}.")
        elif not isinstance(level, int) or not 0 <= level <= _PIXELS[system]:
            yield Fault("skypix", f"Sky pixels {system!r} have levels 0 to {_PIXELS[system]}, not {level!r}.")


def _aliases(aliases: Any, elements: Mapping[str, Any]) -> Iterator[str]:
    for alias, name in _mapping(aliases).items():
        if name not in elements:
            yield f"Alias {alias!r} stands for {name!r}, which is not defined{_near(name, elements)}"
        if alias in elements:
            yield f"Alias {alias!r} is the name of an element as well."


def _element(name: Any, entry: Any, elements: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST:
        yield f"{name!r} cannot name an element: small letters, digits and underscores, at most {_LONGEST}."
    if name in TABLES:
        yield f"{name!r} cannot name an element: it is a table of the registry."
    if not isinstance(entry, Mapping):
        yield f"Element {name!r} is no mapping: {entry!r}."
        return
    yield from _fields(f"Element {name!r}", entry, _ELEMENT)
    for relation in ("requires", "implies"):
        for other in _list(entry.get(relation)):
            if not isinstance(other, str) or other not in elements:
                yield f"Element {name!r} {relation} {other!r}, which is not defined{_near(other, elements)}"
            elif not _list(_mapping(elements[other]).get("keys")):
                yield f"Element {name!r} {relation} {other!r}, which has no keys: it is no dimension."
    for relation in ("populated_by", "view_of"):
        other = entry.get(relation)
        if isinstance(other, str) and other not in elements:
            near = _near(other, elements)
            yield f"'{relation}' of element {name!r} is {other!r}, which is not defined{near}"
    yield from _view(name, entry, elements)
    if not _list(entry.get("keys")) and not _list(entry.get("requires")):
        yield f"Element {name!r} has neither keys (as a dimension) nor requires others (as a relation)."
    seen = _ADDED | {str(other) for kind in ("requires", "implies") for other in _list(entry.get(kind))}
    for column in [*_list(entry.get("keys")), *_list(entry.get("metadata"))]:
        if not isinstance(column, Mapping):
            yield f"A column of element {name!r} is no mapping: {column!r}."
            continue
        label = column.get("name")
        where = f"Column {name}.{label}"
        if not isinstance(label, str) or not _NAME.fullmatch(label):
            yield f"{label!r} cannot name a column of element {name!r}: small letters, digits, underscores."
        elif label in seen:
            yield f"{where} is there already: as a dimension, region or time, or defined twice."
        seen.add(str(label))
        yield from _fields(where, column, _COLUMN)
        if column.get("type") not in _TYPES:
            kinds = ", ".join(_TYPES)
            yield f"{where} has the unknown type {column.get('type')!r}; there are {kinds}."
    for key in _list(entry.get("keys"))[:1]:
        if isinstance(key, Mapping) and key.get("type") not in ("string", "int", None):
            yield f"The first key of element {name!r} is what data IDs hold: a string or an int."


def _view(name: str, entry: Mapping[str, Any], elements: Mapping[str, Any]) -> Iterator[str]:
    """Yield why the values of an element can't be read from the records of another one."""
    source = entry.get("view_of")
    if not isinstance(source, str) or source not in elements:
        return
    if name not in _list(_mapping(elements[source]).get("implies")):
        yield f"Element {name!r} is a view of {source!r}, which does not imply it: it has no values of it."
    more = [field for field in ("requires", "implies", "metadata") if _list(entry.get(field))]
    if more or len(_list(entry.get("keys"))) > 1:
        what = " and ".join(more) or "a second key"
        yield f"Element {name!r} is a view of {source!r}, whose records hold its key alone, but has {what}."


def _fields(where: str, entry: Mapping[str, Any], known: Mapping[str, type]) -> Iterator[str]:
    for field, value in entry.items():
        if field not in known:
            yield f"{where} has no {field!r}{_near(field, known)}"
        elif not isinstance(value, known[field]):
            yield f"{field!r} of {where[0].lower()}{where[1:]} is no {known[field].__name__}: {value!r}."


def _rings(elements: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield each ring of elements that depend on each other, or whose values come from each other, once."""
    depends: dict[str, list[tuple[str, str]]] = {name: [] for name in elements}
    comes_from: dict[str, list[tuple[str, str]]] = {name: [] for name in elements}
    for name, entry in elements.items():
        for relation in ("requires", "implies"):
            for other in _list(_mapping(entry).get(relation)):
                if not isinstance(other, str) or other not in elements:
                    continue
                depends[name].append((relation, other))
                if relation == "requires":
                    comes_from[name].append(("requires", other))
                elif _list(
                    entry.get("keys")
                ):  # values of an implied dimension are in a dimension that implies it
                    comes_from[other].append(("is implied by", name))
    reported: set[frozenset[str]] = set()
    for ring in _cycles(depends):
        names = [name for name, _ in ring]
        reported.add(frozenset(names))
        yield Fault(names[0], f"Elements depend on each other: {' -> '.join([*names, names[0]])}.")
    for ring in _cycles(comes_from):
        names = [name for name, _ in ring]
        if frozenset(names) not in reported:
            reported.add(frozenset(names))
            steps = zip(ring, [*names[1:], names[0]], strict=True)
            told = ", ".join(f"{name!r} {relation} {other!r}" for (name, relation), other in steps)
            yield Fault(names[0], f"Values would come from each other: {told}.")


def _cycles(edges: Mapping[str, list[tuple[str, str]]]) -> Iterator[list[tuple[str, str]]]:
    """Yield rings, each once: their names with the relation to the next one."""
    done: set[str] = set()
    found: set[frozenset[str]] = set()

    def walk(name: str, above: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
        names = [each for each, _ in above]
        if name in names:
            ring = above[names.index(name) :]
            if (members := frozenset(each for each, _ in ring)) not in found:
                found.add(members)
                yield ring
        elif name not in done:
            for relation, other in edges[name]:
                yield from walk(other, [*above, (name, relation)])
            done.add(name)

    for name in edges:
        yield from walk(name, [])


def _families(families: Any, kind: str, elements: Mapping[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for family, members in _mapping(families).items():
        if not isinstance(members, list) or not members:
            yield f"The {kind} family {family!r} is no list of elements: {members!r}."
            continue
        for member in members:
            if member not in elements:
                near = _near(member, elements)
                yield f"The {kind} family {family!r} names {member!r}, which is not defined{near}"
            elif member in seen:
                yield f"Element {member!r} is in the {kind} families twice."
            seen.add(str(member))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _near(name: Any, known: Any) -> str:
    return suggest(str(name), list(known)) or "."
