"""Composites while a graph is being built: which are whole, and which datasets their parts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipetask.errors import AmbiguousPartError, MissingPrerequisiteError
from pipetask.graph.codes import Codebooks, row_keys
from pipetask.graph.datasets import Datasets, datasets_of_refs, existing_datasets
from pipetask.graph.draft import DraftEdges, DraftTask, Mask, connection_of
from pipetask.graph.folding import shared_dimensions
from pipetask.graph.join import Relation
from pipetask.graph.merge import union
from pipetask.graph.part_matches import keep_parts, match_parts
from pipetask.graph.project import Pairs
from pipetask.graph.recorded import listed
from pipetask.graph.tables import Existing, Kind

if TYPE_CHECKING:
    from pipetask.butler import Butler, DataCoordinate, DatasetRef, DatasetType
    from pipetask.graph.codes import Codes
    from pipetask.graph.recorded import RecordedComposites
    from pipetask.graph.refs import DataIdDecoder
    from pipetask.graph.scope import Selected
    from pipetask.pipeline.nodes import CompositeEdge, PartEdge
    from pipetask.pipeline.pipeline_graph import PipelineGraph

ALL = -1


def add_composites(task: DraftTask, selected: Selected) -> None:
    """Note which composites the quanta of a task are to have; their parts have edges of their own."""
    for name, use in task.node.composites.items():
        data_ids = selected.data_ids(task.node, use.whole.dimensions)
        datasets = _all_there(use.whole, data_ids.codes)
        pairs = selected.pairs(task.node, use.whole.dimensions, task.data_ids, datasets.data_ids)
        kind: Kind = "composite_output" if use.is_output else "composite_input"
        task.edges[name] = DraftEdges(connection_of(use.edge, kind), datasets, pairs)


def _all_there(kind: DatasetType, codes: Codes) -> Datasets:
    """Make a table of composites; their ids follow from the rows, and are seen by nobody."""
    rows = np.ascontiguousarray(codes)
    ids = b"".join(blake2b(row.tobytes(), digest_size=16).digest() for row in rows)
    existing = Existing(np.frombuffer(ids, np.uint8).reshape(-1, 16), np.zeros(len(rows), np.int32), ("",))
    return existing_datasets(kind, codes, existing)


class Wholeness:
    """Finds the parts that are searched one by one, and drops composites that lack a part.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    pipeline : `PipelineGraph`
        Where dataset types are defined.
    codebooks : `Codebooks`
        How values are encoded.
    collections : sequence of `str`
        Where parts are searched, in this order.
    recorded : `RecordedComposites`
        The composites there that were put.
    """

    def __init__(
        self,
        butler: Butler,
        pipeline: PipelineGraph,
        codebooks: Codebooks,
        collections: Sequence[str],
        recorded: RecordedComposites,
    ) -> None:
        self._butler = butler
        self._pipeline = pipeline
        self._codebooks = codebooks
        self._collections = collections
        self._recorded = recorded

    def apply(self, task: DraftTask, decoder: DataIdDecoder, *, is_asked: bool = False) -> list[str]:
        """Leave the composites that are whole, with their parts, and drop quanta that have too few.

        Parameters
        ----------
        task
            The task.
        decoder
            Makes data IDs.
        is_asked
            Whether quanta without a prerequisite are dropped, not an error.

        Returns
        -------
        reasons
            How many quanta were dropped for the lack of what.

        Raises
        ------
        MissingPrerequisiteError
            If a quantum lacks a composite that is a prerequisite.
        """
        reasons = []
        for name, use in task.node.composites.items():
            why = [self._look_up(task, use, part, decoder) for part in use.parts if part.looked_up]
            for part in use.parts:
                if part.name in task.node.inputs:
                    self._place_recorded(task, use, part)
            lacking = self._keep_whole(task, use)
            minimum = 1 if use.is_output else use.edge.minimum
            is_short = task.is_kept & (task.edges[name].count(len(task.data_ids)) < minimum)
            if not is_short.any():
                continue
            if use.is_prerequisite:
                self._lack_prerequisite(task, use, np.flatnonzero(is_short), "".join(why), is_asked=is_asked)
                continue
            task.drop(is_short)
            n = int(np.count_nonzero(is_short))
            what = "what is not written of output" if use.is_output else "input"
            reasons.append(f"{n:,} lack {what} '{name}'")
            for part_name, lacks in lacking.items():
                text = f"composite '{use.whole.name}' has no part '{part_name}'"
                for_them = is_short & lacks
                if for_them.any():
                    reasons[-1] += f" ({np.count_nonzero(for_them):,}: {text})"
                    task.incomplete.append((text, for_them))
        keep_parts(task, self._codebooks)
        return reasons

    def _lack_prerequisite(
        self, task: DraftTask, use: CompositeEdge, rows: npt.NDArray[np.int64], why: str, *, is_asked: bool
    ) -> None:
        others = f" (and {rows.size - 1:,} more)" if rows.size > 1 else ""
        text = (
            f"Task '{task.node.label}' needs its prerequisite '{use.whole.name}' for "
            f"{task.data_ids.text(int(rows[0]), self._codebooks)}{others}. {why}"
        )
        if not is_asked:
            raise MissingPrerequisiteError(text)
        task.drop_lacking(rows, text)

    def _look_up(self, task: DraftTask, use: CompositeEdge, part: PartEdge, decoder: DataIdDecoder) -> str:
        """Find the datasets of a part that must exist, for each composite; return why the first has none."""
        if part.name not in task.node.prerequisite_inputs:
            return ""  # a composite itself, whose parts were looked up before
        from pipetask.butler.composites.errors import MissingPartError
        from pipetask.butler.composites.find import PartFinder

        finder = PartFinder(self._butler, self._collections)
        wholes = task.edges[use.edge.connection]
        pairs = wholes.pairs.where(task.is_kept[wholes.pairs.left])
        put = self._recorded.of(task.node.label, use.edge.connection)
        found: dict[int, list[DatasetRef]] = {}
        why = ""
        sought: dict[int, DataCoordinate] = {}
        for row in np.unique(pairs.right).tolist():
            data_id = decoder.decode(use.whole.dimensions, tuple(wholes.datasets.table.codes[row].tolist()))
            if (whole := put.get(data_id)) is not None:
                found[row] = listed(whole, part)
            else:
                sought[row] = data_id
        results = finder.parts(use.composite, part.part, list(sought.values()))
        for row, refs in zip(sought, results, strict=True):
            if isinstance(refs, MissingPartError):
                why = why or str(refs)
            else:
                found[row] = list(refs) if isinstance(refs, tuple) else [refs]
        edge = task.node.prerequisite_inputs[part.name]
        stored = self._pipeline.dataset_types[edge.dataset_type].dataset_type
        task.add(connection_of(edge, "prerequisite"), *self._paired(stored, pairs, found))
        return why

    def _paired(
        self, kind: DatasetType, wholes: Pairs, parts: Mapping[int, Sequence[DatasetRef]]
    ) -> tuple[Datasets, Pairs]:
        """Pair quanta with the parts of their composites, given by the rows of these."""
        datasets, position = datasets_of_refs(
            kind, [ref for refs in parts.values() for ref in refs], self._codebooks
        )
        rows = iter(position.tolist())
        rows_of = {row: [next(rows) for _ in refs] for row, refs in parts.items()}
        both = [
            (quantum, dataset)
            for quantum, whole in zip(wholes.left.tolist(), wholes.right.tolist(), strict=True)
            for dataset in rows_of.get(whole, ())
        ]
        columns = np.array(both, np.int64).reshape(-1, 2)
        return datasets, Pairs.distinct(columns[:, 0], columns[:, 1], len(datasets))

    def _place_recorded(self, task: DraftTask, use: CompositeEdge, part: PartEdge) -> None:
        """Let composites that were put have the parts that they were put with, not those found."""
        put = self._recorded.of(task.node.label, use.edge.connection)
        if not put:
            return
        wholes, found = task.edges[use.edge.connection], task.edges[part.name]
        names = use.whole.dimensions.required
        columns = {d: self._codebooks[d].encode([data_id[d] for data_id in put]) for d in names}
        rows = wholes.datasets.data_ids.find(columns, len(put), self._codebooks)
        parts = {
            row: listed(whole, part)
            for row, whole in zip(rows.tolist(), put.values(), strict=True)
            if row >= 0
        }
        is_put = np.isin(wholes.pairs.right, rows)
        match = match_parts(task, use, part, self._codebooks)
        kept = found.pairs.where(np.isin(match.parts, match.wholes[~is_put]))
        kind = found.datasets.table.dataset_type
        recorded, pairs = self._paired(kind, wholes.pairs.where(is_put), parts)
        table, (first, second) = union([found.datasets.table, recorded.table])
        left = np.concatenate([kept.left, pairs.left])
        right = np.concatenate([_renumbered(kept.right, first), _renumbered(pairs.right, second)])
        datasets = Datasets(table, np.ones(len(table), bool))
        task.add(found.connection, datasets, Pairs.distinct(left, right, len(table)))

    def _keep_whole(self, task: DraftTask, use: CompositeEdge) -> dict[str, Mask]:
        """Leave the composites that have all parts; return which quanta lack each part for one."""
        wholes = task.edges[use.edge.connection]
        is_whole = np.ones(wholes.pairs.left.size, bool)
        lacking = {}
        for part in use.parts:
            match = match_parts(task, use, part, self._codebooks)
            minimum: int | npt.NDArray[np.int64] = part.part.minimum if part.part.many else 1
            if part.part.minimum == ALL:
                minimum = self._records_of(use, part, wholes)
            if not part.part.many and (is_ambiguous := match.count > 1).any():
                self._refuse_ambiguous(task, use, part, int(wholes.pairs.left[is_ambiguous][0]))
            has_it = match.count >= minimum
            lacks = lacking[part.part.name] = np.zeros(len(task.data_ids), bool)
            lacks[wholes.pairs.left[~has_it]] = True
            is_whole &= has_it
        wholes.pairs = wholes.pairs.where(is_whole)
        return lacking

    def _refuse_ambiguous(self, task: DraftTask, use: CompositeEdge, part: PartEdge, quantum: int) -> None:
        raise AmbiguousPartError(
            f"Task '{task.node.label}' {task.data_ids.text(quantum, self._codebooks)} has several composites "
            f"{use.whole.name!r} with different datasets of one data ID as part {part.part.name!r} "
            f"({part.part.dataset_type!r}), which a graph can't tell apart: take one composite per quantum."
        )

    def _records_of(self, use: CompositeEdge, part: PartEdge, wholes: DraftEdges) -> npt.NDArray[np.int64]:
        """Count, for each pair of a quantum and a composite, the data IDs that dimension records allow."""
        shared = shared_dimensions(part.part, use.whole.dimensions.required, part.dimensions.required)
        found = self._butler.registry.data_id_columns(part.dimensions)
        columns = {d: found[d] for d in part.dimensions.required}
        relation = Relation.encode("", columns, self._codebooks)
        mine = wholes.datasets.data_ids.columns()
        (asked, there), _ = row_keys(
            [[mine[d] for d in shared], [relation.columns[d] for d in shared]],
            self._codebooks.sizes(shared),
            [len(wholes.datasets), relation.n_rows],
        )
        distinct, inverse = np.unique(np.concatenate([asked, there]), return_inverse=True)
        count = np.bincount(inverse[asked.size :], minlength=distinct.size)
        of_each: npt.NDArray[np.int64] = count[inverse[: asked.size]]
        return of_each[wholes.pairs.right]


def _renumbered(rows: npt.NDArray[np.int32], new: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    return rows.astype(np.int64) if new is None else new[rows]
