"""Removing what runs of a chain have left: those that were replaced, or the whole chain with its runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipetask.butler.defaults import reused_collection
from pipetask.butler.removal import remove_collections
from registry.errors import CollectionTypeError, OrphanedRecordError

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler


@dataclass(frozen=True, slots=True)
class Removal:
    """Collections that are to be removed.

    Parameters
    ----------
    runs : `tuple` of `str`
        With all their datasets and files.
    others : `tuple` of `str`
        Collections of other kinds; what they hold stays.
    """

    runs: tuple[str, ...]
    others: tuple[str, ...]

    @classmethod
    def of(cls, butler: Butler, names: list[str]) -> Removal:
        """Tell the runs from the others."""
        kinds = {name: butler.registry.collections.get_info(name).kind for name in names}
        return cls(
            tuple(name for name, kind in kinds.items() if kind == "RUN"),
            tuple(name for name, kind in kinds.items() if kind != "RUN"),
        )


def find_to_clean_up(butler: Butler, chain: str) -> Removal:
    """Find the collections that are named after a chain (``chain/…``) and that it does not hold.

    Raises
    ------
    CollectionTypeError
        If it is no chain.
    OrphanedRecordError
        If another chain holds one of them.
    """
    _check_chain(butler, chain)
    collections = butler.registry.collections
    own = collections.query(f"{chain}/*")
    held = _held(butler, chain)
    left = [name for name in own if name not in held]
    _refuse_if_held_elsewhere(butler, left, {*left, chain})
    return Removal.of(butler, left)


def find_to_purge(butler: Butler, chain: str, *, recursive: bool = False) -> Removal:
    """Find a chain and the collections in it that are named after it (``chain/…``): not its inputs.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    chain : `str`
        The chain.
    recursive : `bool`, optional
        Whether chains in it that are named after it go with what they hold, in turn.

    Raises
    ------
    CollectionTypeError
        If it is no chain, or holds one that is named after it and ``recursive`` is not given.
    OrphanedRecordError
        If another chain holds it, or a collection in it.
    """
    _check_chain(butler, chain)
    collections = butler.registry.collections
    found, waiting = [chain], [chain]
    while waiting:
        for child in collections.get_info(waiting.pop()).children:
            if child.startswith(f"{chain}/") and child not in found:
                found.append(child)
                if collections.get_info(child).kind == "CHAINED":
                    if not recursive:
                        raise CollectionTypeError(
                            f"Chain {chain!r} holds the chain {child!r}; to remove that too: --recursive"
                        )
                    waiting.append(child)
    _refuse_if_held_elsewhere(butler, found, set(found))
    return Removal.of(butler, found)


def remove(butler: Butler, removal: Removal) -> None:
    """Remove collections that were found to clean up or to purge; runs first, which may be refused."""
    if removal.runs:
        butler.removeRuns(removal.runs, unlink_from_chains=True)
    gone = {reused_collection(run) for run in removal.runs}
    remove_collections(butler, [name for name in removal.others if name not in gone])


def _check_chain(butler: Butler, name: str) -> None:
    kind = butler.registry.collections.get_info(name).kind
    if kind != "CHAINED":
        raise CollectionTypeError(
            f"Collection {name!r} is {kind}, not a chain; to remove a run: butler remove-runs"
        )


def _held(butler: Butler, chain: str) -> set[str]:
    """Return all that a chain holds, through chains too."""
    held: set[str] = set()
    waiting = [chain]
    while waiting:
        for child in butler.registry.collections.get_info(waiting.pop()).children:
            if child not in held:
                held.add(child)
                waiting.append(child)
    return held


def _refuse_if_held_elsewhere(butler: Butler, names: list[str], among: set[str]) -> None:
    for name in names:
        for parent in butler.registry.collections.parents(name):
            if parent not in among:
                raise OrphanedRecordError(
                    f"Chain {parent!r} holds {name!r}. Take it out first: butler collection-chain {parent} "
                    f"--mode remove {name}"
                )
