"""From ``-i``, ``-o`` and ``--output-run`` to the collections that a graph reads from and writes to."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipetask.butler import Butler, MissingCollectionError, input_collections
from pipetask.errors import OutputCollectionError


@dataclass(frozen=True, slots=True)
class RunCollections:
    """Where a graph's inputs are searched and its outputs go.

    Parameters
    ----------
    inputs : `tuple` of `str`
        Collections to search, in this order.
    output : `str`
        Name of the CHAINED collection that gathers the runs; empty if there is none.
    output_run : `str`
        Name of the RUN collection that the outputs go to.
    """

    inputs: tuple[str, ...]
    output: str
    output_run: str


def resolve(
    butler: Butler,
    *,
    inputs: Sequence[str] = (),
    output: str = "",
    output_run: str = "",
    extend_run: bool = False,
    default_output: str = "",
    instrument: str = "",
) -> RunCollections:
    """Apply the rules of the reference's ``-i``, ``-o``, ``--output-run`` and ``--extend-run``.

    An output chain that exists already supplies the inputs; naming inputs as well is accepted if they are
    what the chain ends with. A new run is named after the chain and the time (UTC to the millisecond).

    Parameters
    ----------
    butler : `Butler`
        Repository; only read.
    inputs, output, output_run
        The options of these names; empty if not given.
    extend_run : `bool`
        Continue the newest run of the output chain (or ``output_run``) instead of starting one.
    default_output : `str`
        Output chain if neither ``output`` nor ``output_run`` is given.
    instrument : `str`
        Whose default input collections are meant if none are named; empty if the repository has only one.

    Raises
    ------
    OutputCollectionError
        If the options contradict each other or what the repository holds.
    """
    if not output and not output_run:
        output = default_output
    children = _children(butler, output) if output else None
    runs, chain_tail = _split_runs(butler, output, children or ())

    if not inputs:
        inputs = chain_tail if children is not None else input_collections(butler, instrument)
    elif children is not None and _leaves(butler, inputs) != _leaves(butler, chain_tail):
        raise OutputCollectionError(
            f"Collection '{output}' exists with the inputs {_listed(chain_tail)}, not {_listed(inputs)}. "
            f"Leave -i out to use those, or choose another -o."
        )
    if extend_run and not output_run:
        if not runs:
            raise OutputCollectionError(
                f"--extend-run finds no run of '{output}' to extend. Leave it out to start a new run."
            )
        output_run = runs[0]
    if not output_run:
        output_run = f"{output}/{timestamp()}"
    _check_run(butler, output_run, extend_run=extend_run)
    earlier = [run for run in runs if run != output_run]
    search = dict.fromkeys([*([output_run] if extend_run else []), *earlier, *inputs])
    return RunCollections(tuple(search), output, output_run)


def _check_run(butler: Butler, name: str, *, extend_run: bool) -> None:
    if not _exists(butler, name):
        return
    kind = butler.registry.collections.get_info(name).kind
    if kind != "RUN":
        raise OutputCollectionError(
            f"'{name}' is a {kind} collection; --output-run names a RUN one. Name another run, or use -o "
            "to add a run to a chain."
        )
    if not extend_run:
        raise OutputCollectionError(
            f"Run '{name}' exists already. Add --extend-run to continue it, or name another run."
        )


def timestamp() -> str:
    """Return the current UTC to the millisecond, as in ``20260807T113005123Z``."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"


def _children(butler: Butler, output: str) -> tuple[str, ...] | None:
    """Children of the output chain, or `None` if it doesn't exist yet."""
    if not _exists(butler, output):
        return None
    info = butler.registry.collections.get_info(output)
    if info.kind != "CHAINED":
        raise OutputCollectionError(
            f"Output '{output}' is a {info.kind} collection; -o names a CHAINED one. "
            f"Use --output-run to write to a run, or choose another -o."
        )
    return tuple(info.children)


def _split_runs(
    butler: Butler, output: str, children: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide a chain into the runs that earlier executions put in front, and the inputs behind them."""
    n = 0
    for child in children:
        if not child.startswith(f"{output}/") or butler.registry.collections.get_info(child).kind != "RUN":
            break
        n += 1
    return tuple(children[:n]), tuple(children[n:])


def _leaves(butler: Butler, names: Sequence[str]) -> list[str]:
    return [info.name for info in butler.registry.collections.resolve(names)]


def _exists(butler: Butler, name: str) -> bool:
    try:
        butler.registry.collections.get_info(name)
    except MissingCollectionError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    return ",".join(names) or "(none)"
