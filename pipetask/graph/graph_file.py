"""Quantum graphs on disk: a zip archive of a JSON header and stored, aligned Arrow tables.

member                   content
header.json              format version, universe, collections, tasks with configurations, dataset types
values/<dimension>       the values that the codes of a dimension stand for
implied/<element>        codes of implied by codes of required dimensions
records/<element>        codes of the required dimensions in ascending order, other columns of records
quanta/<label>           codes of the required dimensions, serial number (as differences)
counts/<label>           per quantum and connection the number of datasets
edges/<label>/<name>     rows of the dataset table (as differences), one quantum after the other
datasets/<name>          codes of the required dimensions, serial number (as differences)
existing/<name>          id and run of the datasets that were there before, number of their artifacts
locations/<name>         records of these artifacts
reused/<name>            ids of datasets of earlier runs that are taken as they are

Checksums are compared when a file is opened, so that nobody begins with a damaged graph; members are decoded
from the mapped file when they are needed. Nothing in them is ever executed.
"""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipetask.errors import GraphFileError
from pipetask.graph.archive import MappedArchive, add_member, add_table
from pipetask.graph.graph_decoding import graph_of
from pipetask.graph.graph_encoding import header_of, tables_of
from pipetask.graph.quantum_graph import QuantumGraph

FORMAT = "pipetask quantum graph"
VERSION = 1


def save(graph: QuantumGraph, path: str | Path) -> None:
    """Write a graph to a file, which appears under its name when it is complete.

    Raises
    ------
    GraphFileError
        If the file can't be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            header = {"format": FORMAT, "version": VERSION, **header_of(graph)}
            add_member(archive, "header.json", json.dumps(header).encode())
            for name, table in tables_of(graph):
                add_table(archive, name, table)
        temporary.replace(target)
    except BaseException as err:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(err, OSError):
            raise GraphFileError(
                f"Can't save the quantum graph to '{target}': {err.strerror or err}. Name a file in a folder "
                "that exists and may be written to."
            ) from err
        raise


def load(path: str | Path) -> QuantumGraph:
    """Open a graph file.

    Raises
    ------
    GraphFileError
        If the file is not a graph file, is damaged, or of a later version.
    """
    file = MappedArchive(Path(path))
    header = _read_header(file)
    try:
        return graph_of(file, header)
    except (KeyError, TypeError) as err:
        raise GraphFileError(
            f"'{file.path}' was saved by a release with other headers (no {err}). Build the graph again."
        ) from err


def _read_header(file: MappedArchive) -> dict[str, Any]:
    content = file.bytes("header.json").to_pybytes()
    try:
        header: dict[str, Any] = json.loads(content)
    except ValueError as err:
        raise GraphFileError(f"'{file.path}' is not a quantum graph file: its header is no JSON") from err
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise GraphFileError(f"'{file.path}' is not a quantum graph file: its format is not '{FORMAT}'")
    if not isinstance(header.get("version"), int):
        raise GraphFileError(f"'{file.path}' is not a quantum graph file: it has no format version")
    if header["version"] > VERSION:
        raise GraphFileError(
            f"'{file.path}' has format version {header['version']}; this release reads up to {VERSION}. "
            "Upgrade pipetask, or build the graph again."
        )
    return header
