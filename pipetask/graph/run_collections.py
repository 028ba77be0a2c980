"""From ``-i``, ``-o`` and ``--output-run`` to the collections that a graph reads from and writes to."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipetask.butler import Butler, MissingCollectionError, check_name, input_collections
from pipetask.butler.defaults import reused_collection
from pipetask.butler.executions import executions_of
from pipetask.errors import OutputCollectionError


@dataclass(frozen=True, slots=True)
class ChainChange:
    """What becomes of an output chain, beside the run that is put in front of it.

    Parameters
    ----------
    replaced : `str`
        Run that leaves the chain; empty if none does.
    prune : `str`
        What is deleted of that run: ``"unstore"`` its files, ``"purge"`` everything, nothing if empty.
    rebased_on : `tuple` of `str`
        Collections that stand behind the chain's own runs from now on; empty if those stay that are there.
    """

    replaced: str = ""
    prune: str = ""
    rebased_on: tuple[str, ...] = ()


NO_CHANGE = ChainChange()


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
    change : `ChainChange`
        What becomes of the chain beside the run that is put in front.
    """

    inputs: tuple[str, ...]
    output: str
    output_run: str
    change: ChainChange = NO_CHANGE


def resolve(
    butler: Butler,
    *,
    inputs: Sequence[str] = (),
    output: str = "",
    output_run: str = "",
    extend_run: bool = False,
    replace_run: bool = False,
    prune_replaced: str = "",
    rebase: bool = False,
    default_output: str = "",
    instrument: str = "",
) -> RunCollections:
    """Apply the rules of ``-i``, ``-o``, ``--output-run`` and the options that change an output chain.

    An output chain that exists already supplies the inputs; naming inputs as well is accepted if the chain,
    its own chains opened, holds them in that order and side by side. A run that is continued and in no chain
    has the inputs of before, if none are named. A new run is named after the chain and
    the time (UTC to the millisecond).

    Parameters
    ----------
    butler : `Butler`
        Repository; only read.
    inputs, output, output_run
        The options of these names; empty if not given.
    extend_run : `bool`
        Continue the newest run of the output chain (or ``output_run``) instead of starting one.
    replace_run : `bool`
        Take the newest run out of the output chain: it is no input, and the new run stands in its place.
    prune_replaced : `str`
        ``"unstore"`` deletes the files of the run that is replaced, ``"purge"`` the run as a whole.
    rebase : `bool`
        Keep of the output chain only the runs made for it, and put ``inputs`` behind them.
    default_output : `str`
        Output chain if neither ``output`` nor ``output_run`` is given.
    instrument : `str`
        Whose default input collections are meant if none are named; empty if the repository has only one.

    Raises
    ------
    OutputCollectionError
        If the options contradict each other or what the repository holds.
    """
    _check_together(extend_run=extend_run, replace_run=replace_run, prune_replaced=prune_replaced)
    if not output and not output_run:
        output = default_output
    children = _children(butler, output) if output else None
    runs, chain_tail = _split_runs(butler, output, children or ())
    replaced = _replaced(butler, output, runs, prune_replaced) if replace_run else ""
    runs = tuple(run for run in runs if run not in (replaced, reused_collection(replaced)))
    if rebase and output_run and not output_run.startswith(f"{output}/"):
        raise OutputCollectionError(
            f"--rebase keeps in '{output}' only runs that are named after it, which '{output_run}' is not. "
            f"Name it '{output}/…', or leave --output-run out."
        )

    if not inputs and children is not None:
        inputs = chain_tail
    elif not inputs:
        earlier = executions_of(butler, output_run).inputs if extend_run else ()
        inputs = earlier or input_collections(butler, instrument)
    elif children is not None and not rebase:
        if not _holds(_leaves(butler, children), _leaves(butler, inputs)):
            raise OutputCollectionError(
                f"Collection '{output}' exists with the inputs {_listed(chain_tail)}, not "
                f"{_listed(inputs)}. Leave -i out to use those, choose another -o, or change the chain with "
                "--rebase."
            )
        inputs = chain_tail
    if extend_run and not output_run:
        if not runs:
            raise OutputCollectionError(
                f"--extend-run finds no run of '{output}' to extend. Leave it out to start a new run."
            )
        output_run = runs[0]
    if not output_run:
        output_run = f"{output}/{timestamp()}"
    _check_run(butler, output_run, extend_run=extend_run)
    others = [run for run in runs if run != output_run]
    search = dict.fromkeys([*([output_run] if extend_run else []), *others, *inputs])
    rebased_on = tuple(inputs) if rebase and children is not None else ()
    return RunCollections(
        tuple(search), output, output_run, ChainChange(replaced, prune_replaced, rebased_on)
    )


def _check_together(*, extend_run: bool, replace_run: bool, prune_replaced: str) -> None:
    if extend_run and replace_run:
        raise OutputCollectionError(
            "--extend-run continues the newest run, --replace-run puts another one in its place. Choose one."
        )
    if prune_replaced and not replace_run:
        raise OutputCollectionError(
            f"--prune-replaced {prune_replaced} deletes what is replaced, and nothing is. Add --replace-run, "
            "or remove runs with: butler remove-runs"
        )


def _replaced(butler: Butler, output: str, runs: Sequence[str], prune: str) -> str:
    if not output:
        raise OutputCollectionError("--replace-run takes a run out of an output chain. Name the chain (-o).")
    if not runs:
        raise OutputCollectionError(
            f"--replace-run finds no run of '{output}' to replace. Leave it out to start the first one."
        )
    others = [name for name in butler.registry.collections.parents(runs[0]) if name != output]
    if prune == "purge" and others:
        raise OutputCollectionError(
            f"--prune-replaced purge can't delete run '{runs[0]}': {', '.join(others)} "
            f"{'searches' if len(others) == 1 else 'search'} it too. Take it out of there with butler "
            "collection-chain, or leave --prune-replaced out."
        )
    return runs[0]


def _holds(chain: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a sequence has another one in it, side by side."""
    return any(list(chain[at : at + len(names)]) == list(names) for at in range(len(chain) + 1))


def _check_run(butler: Butler, name: str, *, extend_run: bool) -> None:
    if not _exists(butler, name):
        check_name(name)
        if extend_run:
            raise OutputCollectionError(
                f"--extend-run finds no run '{name}' to extend. Leave it out to start a new run."
            )
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
    """Divide a chain into the runs that earlier executions put in front, and the inputs behind them.

    What such a run took over of earlier ones stands behind it, and counts as a run.
    """
    n = 0
    for child in children:
        kind = butler.registry.collections.get_info(child).kind
        is_taken_over = kind == "TAGGED" and child == reused_collection(child.rpartition("/")[0])
        if not child.startswith(f"{output}/") or not (kind == "RUN" or is_taken_over):
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
