"""Collections as users see them: registering, chaining, resolving, filling and removing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from registry.arguments import checked, checked_text
from registry.collections.base import CollectionInfo, CollectionKind, Kind
from registry.collections.calibration import CalibrationKind
from registry.collections.chained import ChainedKind, refuse_cycle, write_links
from registry.collections.history import CollectionEdit, read_history, record_edit
from registry.collections.lookup import CollectionLookup
from registry.collections.names import check_name
from registry.collections.run import RunKind
from registry.collections.tagged import TaggedKind
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.datasets import calibrations
from registry.datasets.members import delete_members, insert_members, keys_and_ids, refuse_unknown
from registry.datasets.types import TypeEntry
from registry.dimensions.coordinate import DataId
from registry.errors import (
    ChainedCollectionError,
    CollectionExistsError,
    CollectionTypeError,
)
from registry.patterns import as_names
from registry.timespan import Timespan

KINDS: Mapping[str, CollectionKind] = {
    kind.name: kind for kind in (RunKind(), TaggedKind(), ChainedKind(), CalibrationKind())
}


class Collections(CollectionLookup):
    """All collections of a repository: what can be asked (see `CollectionLookup`) and done."""

    # Definition

    def register(self, name: str, kind: Kind = "RUN", doc: str = "") -> bool:
        """Register a collection; return whether it was new.

        Raises
        ------
        CollectionExistsError
            If there is one of another kind with this name.
        InvalidNameError
            If nothing can have this name.
        """
        if kind not in KINDS:
            raise CollectionTypeError(f"{kind!r} is no kind of collection; there are {', '.join(KINDS)}.")
        check_name(name)
        checked_text(doc, "description")
        if self._known(name, kind):
            return False
        with self._definition():
            if self._known(name, kind):
                return False
            self._db.insert(self._schema.collection, ("name", "kind", "doc"), [(name, kind, doc)])
            self._db.changed("collections")
            KINDS[kind].on_register(self._db, self._schema, self.get_info(name))
            self._record(name, "register", kind=kind, doc=doc)
        return True

    def _known(self, name: str, kind: Kind) -> bool:
        found = self._find(name)
        if found is not None and found.kind != kind:
            raise CollectionExistsError(
                f"Collection {name!r} exists as {found.kind}; it cannot be {kind} as well."
            )
        return found is not None

    def set_doc(self, name: str, doc: str) -> None:
        """Change what is said about a collection."""
        checked_text(doc, "description")
        table = self._schema.collection
        with self._definition():
            self._db.execute(table.update().where(table.c.id == self.get_info(name).id).values(doc=doc))
            self._db.changed("collections")
            self._record(name, "set doc", doc=doc)

    def remove(self, name: str, *, unlink_from_chains: bool = False) -> None:
        """Remove a collection and its associations, never a dataset.

        Parameters
        ----------
        name : `str`
            The collection.
        unlink_from_chains : `bool`, optional
            Whether it is taken out of the chains that hold it first; else these are an error.

        Raises
        ------
        ChainedCollectionError
            If it is in a chain.
        OrphanedRecordError
            If it is a RUN with datasets.
        """
        with self._definition():
            info = self.get_info(name)
            chains = self.parents(name)
            if unlink_from_chains:
                for chain in chains:
                    self.remove_from_chain(chain, name)
            elif chains:
                raise ChainedCollectionError(
                    f"Collection {name!r} is in the chain{'s' * (len(chains) > 1)} "
                    f"{', '.join(map(repr, chains))}; remove it from there first."
                )
            entries = [self._types.by_id(id) for id in self.summaries.dataset_types([info])]
            KINDS[info.kind].on_remove(self._db, self._schema, info, entries)
            table = self._schema.collection
            self._db.execute(table.delete().where(table.c.id == info.id))
            self._db.changed("collections", "summary")
            self._record(name, "remove", kind=info.kind)

    # Chains

    def set_chain(self, name: str, children: str | Sequence[str]) -> None:
        """Replace what a chain holds, in the order of search.

        Raises
        ------
        CollectionCycleError
            If the chain would contain itself.
        """
        with self._definition():
            info = self._of_kind(name, "CHAINED")
            unique = list(dict.fromkeys(as_names(children)))
            infos = [self.get_info(child) for child in unique]
            refuse_cycle(name, unique, self.get_info)
            write_links(self._db, self._schema, info, infos)
            self._db.changed("collections")
            self._record(name, "set chain", children=unique)

    def prepend_chain(self, name: str, children: str | Sequence[str]) -> None:
        """Put collections at the front of a chain; those that it holds already move there."""
        with self._definition():
            self.set_chain(name, [*as_names(children), *self._of_kind(name, "CHAINED").children])

    def extend_chain(self, name: str, children: str | Sequence[str]) -> None:
        """Put collections at the end of a chain; those that it holds already move there."""
        with self._definition():
            new = as_names(children)
            kept = [child for child in self._of_kind(name, "CHAINED").children if child not in new]
            self.set_chain(name, [*kept, *new])

    def remove_from_chain(self, name: str, children: str | Sequence[str]) -> None:
        """Take collections, which must exist, out of a chain; those that it does not hold are left alone."""
        with self._definition():
            gone = {self.get_info(child).name for child in as_names(children)}
            self.set_chain(name, [c for c in self._of_kind(name, "CHAINED").children if c not in gone])

    # Members

    def associate(self, name: str, refs: Iterable[DatasetRef]) -> None:
        """Add datasets to a TAGGED collection; a data ID that it holds another dataset for is an error."""
        with self._definition():
            count = {}
            for info, entry, members in self._members(name, "TAGGED", refs):
                keys, ids = keys_and_ids(members)
                refuse_unknown(self._db, self._schema, entry, keys, ids)
                insert_members(self._db, self._schema, self.summaries, info, entry, keys, ids)
                count[entry.dataset_type.name] = len(members)
            self._record(name, "associate", datasets=count)

    def disassociate(self, name: str, refs: Iterable[DatasetRef]) -> None:
        """Take datasets out of a TAGGED collection; those that it does not hold are left alone."""
        with self._definition():
            count = {}
            for info, entry, members in self._members(name, "TAGGED", refs):
                delete_members(self._db, self._schema, info, entry, keys_and_ids(members)[1])
                count[entry.dataset_type.name] = len(members)
            self._record(name, "disassociate", datasets=count)

    def certify(self, name: str, refs: Iterable[DatasetRef], timespan: Timespan) -> None:
        """Say for which time datasets are valid, in a CALIBRATION collection.

        Raises
        ------
        ConflictingDefinitionError
            If another dataset of the same type and data ID is valid in a part of that time.
        """
        checked(timespan, Timespan, "timespan")
        with self._definition():
            count = {}
            for info, entry, members in self._members(name, "CALIBRATION", refs):
                calibrations.certify(
                    self._db, self._schema, self.summaries, info, entry, *keys_and_ids(members), timespan
                )
                count[entry.dataset_type.name] = len(members)
            self._record(name, "certify", datasets=count, timespan_ns=timespan.nsec)

    def decertify(
        self,
        name: str,
        dataset_type: str | DatasetType,
        timespan: Timespan,
        data_ids: Iterable[DataId] | None = None,
    ) -> int:
        """Say that datasets of a type are not valid in a timespan; return how many ranges were cut.

        Of a range that is partly outside, these one or two parts remain.

        Parameters
        ----------
        name : `str`
            A CALIBRATION collection.
        dataset_type : `str` or `DatasetType`
            The type.
        timespan : `Timespan`
            The time to take out.
        data_ids : iterable of data IDs, optional
            Only these.
        """
        checked(timespan, Timespan, "timespan")
        with self._db.transaction():
            info = self._of_kind(name, "CALIBRATION")
            entry = self._types.entry(dataset_type)
            cut = calibrations.decertify(self._db, self._schema, info, entry, timespan, data_ids)
            self._record(
                name, "decertify", datasets={entry.dataset_type.name: cut}, timespan_ns=timespan.nsec
            )
        return cut

    # History

    def history(self, name: str) -> list[CollectionEdit]:
        """Return what was done to a collection, oldest first, even if it is gone."""
        edits = read_history(self._db, self._schema, name)
        if not edits:
            self.get_info(name)  # a name that never was is an error
        return edits

    def note(self, name: str, action: str, **detail: Any) -> None:
        """Add to the history of a collection what others than this class did with it; plain values."""
        self.get_info(name)
        with self._db.transaction():
            self._record(name, action, **detail)

    def _record(self, name: str, action: str, **detail: Any) -> None:
        record_edit(self._db, self._schema, name, action, detail)

    @contextmanager
    def _definition(self) -> Iterator[None]:
        """Make one change of what collections there are, while nobody else makes any."""
        with self._db.transaction():
            self._db.lock()
            yield

    def _of_kind(self, name: str, kind: Kind) -> CollectionInfo:
        info = self.get_info(name)
        if info.kind != kind:
            raise CollectionTypeError(
                f"Collection {name!r} is {info.kind}; only a {kind} collection can do this."
            )
        return info

    def _members(
        self, name: str, kind: Kind, refs: Iterable[DatasetRef]
    ) -> Iterator[tuple[CollectionInfo, TypeEntry, list[DatasetRef]]]:
        """Yield the datasets by type, after checking that a collection may contain them."""
        info = self._of_kind(name, kind)
        for entry, members in self._types.group(refs):
            if not KINDS[kind].may_contain(entry.dataset_type):
                raise CollectionTypeError(
                    f"{kind} collection {name!r} may not contain {entry.dataset_type.name!r}: "
                    "the dataset type is not registered with isCalibration."
                )
            yield info, entry, members
