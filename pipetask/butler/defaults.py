"""Collections with fixed names: the default inputs ``<instrument>/defaults``, and what belongs in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipetask.errors import InstrumentError
from registry.suggest import suggest

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler

SKYMAPS = "skymaps"

REPRODUCTIONS = "reproduce/"
"""How the names of runs begin in which datasets were made again."""


def defaults_chain(instrument: str) -> str:
    """Return the name of the chain of an instrument's default inputs."""
    return f"{instrument}/defaults"


def calibration_collection(instrument: str) -> str:
    """Return the name of the collection of an instrument's certified calibrations."""
    return f"{instrument}/calib"


def reused_collection(run: str) -> str:
    """Name the TAGGED collection of what a run took over of earlier ones instead of making it."""
    return f"{run}/reused"


def instruments(butler: ReadingButler) -> list[str]:
    """Return the names of the instruments of a repository, sorted."""
    return sorted(butler.registry.element_columns("instrument", names=["instrument"])["instrument"].tolist())


def input_collections(butler: ReadingButler, instrument: str | None = None) -> tuple[str, ...]:
    """Return the default input collections.

    Parameters
    ----------
    butler : `ReadingButler`
        The repository.
    instrument : `str`, optional
        Whose defaults; may be left out if the repository has only one instrument.

    Raises
    ------
    InstrumentError
        If there is no such instrument, or several and none is named, or its defaults were never made.
    """
    known = instruments(butler)
    if not instrument:
        if len(known) != 1:
            which = f"it has {len(known)}: {', '.join(known)}" if known else "it has none"
            raise InstrumentError(
                f"Repository {butler.root!r} has no default collections without an instrument, and {which}.",
                hint="Name collections (-i, --collections), or an instrument",
            )
        instrument = known[0]
    elif instrument not in known:
        raise InstrumentError(
            f"No instrument {instrument!r} in repository {butler.root!r}{suggest(instrument, known)}"
        )
    chain = defaults_chain(instrument)
    if chain not in butler.registry.collections.query("*", kinds=["CHAINED"]):
        raise InstrumentError(
            f"Instrument {instrument!r} has no default collections yet: there is no {chain!r}, which "
            "butler ingest-raws makes.",
            hint="Name collections (-i, --collections), or ingest images",
        )
    return (chain,)


def add_to_defaults(butler: ReadingButler, instrument: str, *names: str) -> None:
    """Put collections into the default inputs of an instrument, images before calibrations before sky maps.

    Those that are in already stay; a chain of sky maps that exists is added by itself.
    """
    chain = defaults_chain(instrument)
    collections = butler.registry.collections
    collections.register(chain, "CHAINED", f"What is searched by default for data of {instrument}")
    present = collections.get_info(chain).children
    wanted = {*present, *names}
    if SKYMAPS in collections.query("*", kinds=["RUN"]):
        wanted.add(SKYMAPS)
    order = [f"{instrument}/raw/all", f"{instrument}/calexp/all", calibration_collection(instrument), SKYMAPS]
    known = [name for name in order[:-1] if name in wanted]
    others = [name for name in (*present, *names) if name not in order]
    children = list(dict.fromkeys([*known, *others, *(name for name in order[-1:] if name in wanted)]))
    if tuple(children) != tuple(present):
        collections.set_chain(chain, children)
