"""Checking a repository, and mending what can be mended without losing anything: ``butler fsck``.

Files are looked at first and rows after that, and what a run that is executed now has written is passed over,
so that it can be done at any time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pipetask.butler import MissingCollectionError
from pipetask.butler.defaults import REPRODUCTIONS
from pipetask.butler.inventory import FoundFile, damaged_artifacts, files_without_rows
from pipetask.butler.repository import has_open_batch, journals
from pipetask.butler.reserve import keep
from pipetask.butler.run_lock import is_executing
from pipetask.butler.trash import discard, finish, left_lists, left_parts, unused
from pipetask.counted import counted
from pipetask.errors import JournalError, RunLockedError
from pipetask.execution.journal import read_journal
from pipetask.execution.resume import graph_path, is_registered, replay

if TYPE_CHECKING:
    from pipetask.butler import Butler

GRACE_S = 600.0
"""Files younger than this may belong to a transaction that is not committed yet."""


class FaultKind(StrEnum):
    """What can be wrong; the values are what users read."""

    UNFINISHED_RUN = "unfinished run"
    """A run was cut short, and what it did is in its journal only."""
    UNFINISHED_REMOVAL = "unfinished removal"
    """Rows were removed, and then something kept their files from being deleted."""
    TEMPORARY_FILE = "temporary file"
    FILE_WITHOUT_ROW = "file without row"
    ROW_WITHOUT_FILE = "row without file"
    SIZE_DIFFERS = "size differs"
    CHECKSUM_DIFFERS = "checksum differs"
    BROKEN_REFERENCE = "broken reference"
    """A row, a link of a chain for one, that names a row that isn't there."""


UNMENDABLE = frozenset({FaultKind.ROW_WITHOUT_FILE, FaultKind.SIZE_DIFFERS, FaultKind.CHECKSUM_DIFFERS})
"""Faults of files that only a copy can bring back."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong.

    Parameters
    ----------
    kind : `FaultKind`
        What.
    where : `str`
        A run, a path, or a column of a table.
    detail : `str`
        More about it.
    repaired : `str`
        What was done about it; empty if nothing was.
    """

    kind: FaultKind
    where: str
    detail: str = ""
    repaired: str = ""


def fsck(
    butler: Butler, *, repair: bool = False, deep: bool = False, grace_s: float = GRACE_S
) -> Iterator[Fault]:
    """Yield all faults of a repository.

    Parameters
    ----------
    butler : `Butler`
        The repository; open for writing if it is to be repaired.
    repair : `bool`, optional
        Mend what can be mended: runs that were cut short are stored, temporary files deleted, files that
        no row names set aside in ``.lost+found``, links of chains to nothing removed. Datasets whose files
        are missing or damaged are left as they are: the files may come back.
    deep : `bool`, optional
        Read every file and compare its checksum.
    grace_s : `float`, optional
        Files that changed since so long [s] are no left-overs yet.
    """
    yield from _unfinished_runs(butler, repair=repair)
    yield from _broken_references(butler, repair=repair)
    yield from _unfinished_removals(butler, repair=repair, grace_s=grace_s)
    idle = [run for run in butler.registry.collections.query("*", kinds=["RUN"]) if _is_idle(butler, run)]
    yield from _left_overs(butler, idle, repair=repair, grace_s=grace_s)
    yield from _damage(butler, deep=deep)
    if repair:
        keep(butler.root)


def _is_idle(butler: Butler, run: str) -> bool:
    """Tell whether nobody executes a run, and it has no journal that may know more of its files."""
    return run not in journals(butler.root) and not has_open_batch(butler.root, run)


def _unfinished_runs(butler: Butler, *, repair: bool) -> Iterator[Fault]:
    for run, path in journals(butler.root).items():
        if is_executing(butler.root, run):
            continue
        fault = Fault(FaultKind.UNFINISHED_RUN, run, _how_far(butler, run, path))
        yield _replayed(butler, fault, path) if repair else fault


def _how_far(butler: Butler, run: str, journal: Path) -> str:
    if (count := sum(1 for _ in read_journal(journal))) and not is_registered(butler, run):
        return _not_registered(journal)
    if run.startswith(REPRODUCTIONS) and is_registered(butler, run):
        return f"`butler reproduce` was killed; repair, then remove it: butler remove-runs {run}"
    if count:
        return f"its journal tells of {counted(count, 'quantum')}; go on with --extend-run"
    if is_registered(butler, run):
        return "no quantum had ended; go on with --extend-run"
    return "cut short before it was registered, nothing is lost; run it anew, without --extend-run"


def _not_registered(journal: Path) -> str:
    return f"the run is not registered; remove {journal} and {graph_path(journal)}"


def _replayed(butler: Butler, fault: Fault, journal: Path) -> Fault:
    try:
        count = replay(butler, fault.where)
    except RunLockedError:
        return replace(fault, detail="it has just been taken up", repaired="not needed")
    except MissingCollectionError:
        return replace(fault, detail=_not_registered(journal))
    except JournalError as error:
        return replace(fault, detail=str(error))
    return replace(fault, repaired=f"stored {counted(count, 'quantum')}" if count else "its journal removed")


def _broken_references(butler: Butler, *, repair: bool) -> Iterator[Fault]:
    for table, column, refers_to, count in butler.registry.dangling_rows():
        fault = Fault(
            FaultKind.BROKEN_REFERENCE,
            f"{table}.{column}",
            f"in {counted(count, 'row')}: what it names is not in {refers_to}",
        )
        if repair and table == "collection_chain":
            butler.registry.remove_dangling_links()
            fault = replace(fault, repaired="removed the links")
        yield fault


def _unfinished_removals(butler: Butler, *, repair: bool, grace_s: float) -> Iterator[Fault]:
    oldest = time.time() - grace_s
    for trash in left_lists(butler.root, oldest):
        where = str(trash.path.relative_to(butler.root))
        left = unused(butler, trash)
        parts = [counted(len(left.files), "file")] if left.files else []
        parts += [f"the folders of {', '.join(left.runs)}"] if left.runs else []
        detail = f"{' and '.join(parts)} should be gone"
        if not parts:
            detail = "it did not come to its end, and removed nothing"
        fault = Fault(FaultKind.UNFINISHED_REMOVAL, where, detail)
        if repair:
            finish(butler, left)
            fault = replace(fault, repaired="deleted" if parts else "forgotten")
        yield fault
    for part in left_parts(butler.root, oldest):
        fault = Fault(FaultKind.TEMPORARY_FILE, str(part.relative_to(butler.root)), "a list of removals")
        if repair:
            discard(part)
            fault = replace(fault, repaired="deleted")
        yield fault


def _left_overs(butler: Butler, runs: Sequence[str], *, repair: bool, grace_s: float) -> Iterator[Fault]:
    oldest = time.time() - grace_s
    removals = [unused(butler, trash) for trash in left_lists(butler.root, math.inf)]
    doomed = {file for removal in removals for file in removal.files}
    folders = tuple(f"{butler.datastore.folder(run)}/" for removal in removals for run in removal.runs)
    for run, file in files_without_rows(butler, runs):
        if file.changed_s > oldest or not _is_idle(butler, run):
            continue
        if (file.store, file.path) in doomed or file.path.startswith(folders):  # told as removals
            continue
        kind = FaultKind.TEMPORARY_FILE if file.is_temporary else FaultKind.FILE_WITHOUT_ROW
        fault = Fault(kind, file.path, f"{file.size} bytes")
        yield _removed(butler, fault, file) if repair else fault


def _removed(butler: Butler, fault: Fault, file: FoundFile) -> Fault:
    if fault.kind is FaultKind.TEMPORARY_FILE:
        butler.datastore.remove_files([file])
        return replace(fault, repaired="deleted")
    butler.datastore.set_aside([file])
    return replace(fault, repaired="moved to .lost+found")


def _damage(butler: Butler, *, deep: bool) -> Iterator[Fault]:
    kinds = {
        "missing": FaultKind.ROW_WITHOUT_FILE,
        "size": FaultKind.SIZE_DIFFERS,
        "checksum": FaultKind.CHECKSUM_DIFFERS,
    }
    for found in damaged_artifacts(butler, deep=deep):
        if not is_executing(butler.root, found.run):  # which may be replacing it
            detail = f"dataset {found.dataset}" + (f": {found.detail}" if found.detail else "")
            yield Fault(kinds[found.what], found.record.path, detail)


def remaining(faults: Iterable[Fault]) -> int:
    """Count the faults that were not repaired."""
    return sum(not fault.repaired for fault in faults)
