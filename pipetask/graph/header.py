"""What holds for a quantum graph as a whole: where its inputs come from and its outputs go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipetask.butler import DimensionUniverse
from pipetask.graph.run_collections import NO_CHANGE, ChainChange

if TYPE_CHECKING:
    from pipetask.butler import Composite


@dataclass(frozen=True, slots=True)
class Header:
    """What holds for a graph as a whole.

    Parameters
    ----------
    universe
        The dimensions.
    input_collections
        Where inputs were searched, in this order.
    output
        Name of the collection that gathers the runs; may be empty.
    output_run
        Name of the run that outputs go to.
    data_query
        The data query as the user wrote it.
    id_base
        Base of the ids of all that the graph makes.
    change
        What becomes of the output chain when the graph is run, beside the run that is put in front.
    composites
        Definitions of the composites that tasks read and make, by name of the dataset type.
    selection
        What else selected its data, by name of the option, so that an update selects the same.
    temporary
        Dataset types that nobody needs after the run, as the pipeline says.
    clobber
        Whether outputs that are in the run already are replaced; else they stay as they are.
    """

    universe: DimensionUniverse
    input_collections: tuple[str, ...]
    output: str
    output_run: str
    data_query: str
    id_base: int
    change: ChainChange = NO_CHANGE
    composites: Mapping[str, Composite] = field(default_factory=dict)
    selection: Mapping[str, Any] = field(default_factory=dict)  # names, lists of names, flags
    temporary: frozenset[str] = frozenset()
    clobber: bool = False
