"""The files of artifacts: finding, checking, bringing elsewhere and removing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from datastore.artifact import checksum, write_artifact
from datastore.configured import ConfiguredDatastore
from datastore.errors import ArtifactMissingError, LocationError
from datastore.inventory import FoundFile
from datastore.locations import is_uri
from datastore.records import ArtifactHint, ArtifactRecord
from datastore.stores.side_by_side import side_by_side
from datastore.templates import encode_run
from datastore.transfer import Transfer, file_size, place_file

LOST = ".lost+found"
"""Folder below the root for files that no record names."""


class ArtifactFiles(ConfiguredDatastore):
    """What lies in the stores."""

    def exists(self, records: Sequence[ArtifactRecord]) -> bool:
        """Tell whether all files of a dataset are there (and at least one)."""
        return bool(records) and all(self.size_of(record) is not None for record in records)

    def size_of(self, record: ArtifactRecord) -> int | None:
        """Return the size of the file that a record names; `None` if it isn't there."""
        location = record.path.partition("#")[0]
        if not is_uri(location):
            return self.stores[record.store].size(location)
        source = self.stores.source(record)
        try:
            return file_size(source.path) if source.path is not None else source.remote_size()
        except ArtifactMissingError:
            return None

    def local_file(self, record: ArtifactRecord) -> str | None:
        """Return the path of a record's file, if it is a local one."""
        return self.stores.source(record).path

    def uri(self, record: ArtifactRecord) -> str:
        """Return the absolute URI of a record's file."""
        location, _, fragment = record.path.partition("#")
        text = location if is_uri(location) else self.stores[record.store].uri(location)
        return f"{text}#{fragment}" if fragment else text

    def predicted_uri(self, hint: ArtifactHint) -> str:
        """Return the URI that an object would be written to."""
        return self.store_of(hint.dataset_type, hint.storage_class).uri(self.path_for(hint))

    def content(self, record: ArtifactRecord) -> bytes:
        """Return the bytes of an artifact."""
        return self.stores.source(record).read_bytes()

    def verify(self, record: ArtifactRecord) -> bool:
        """Read a whole artifact and tell whether its checksum is the recorded one."""
        data = self.content(record)
        return not record.checksum or checksum(data) == record.checksum

    def files(self, run: str) -> Iterator[FoundFile]:
        """Yield the files in the folders of a run, those of runs whose folders lie in it too."""
        for store in self.stores:
            yield from store.files(encode_run(run))

    def retrieve(
        self, record: ArtifactRecord, target: str, *, transfer: Transfer = "auto", clobber: bool = False
    ) -> None:
        """Bring what a record names, a whole file or a slice, to a local path.

        Parameters
        ----------
        record : `ArtifactRecord`
            What.
        target : `str`
            Absolute path.
        transfer : `str`, optional
            As of `ingest`; what is not a local file of its own can only be copied.
        clobber : `bool`, optional
            Replace a file of that name.
        """
        source = self.stores.source(record)
        if source.path is not None and source.offset < 0:
            file_size(source.path)
            place_file(source.path, target, transfer, root=None, clobber=clobber)
        elif transfer in ("auto", "copy"):
            folder = Path(target).parent
            write_artifact(target, source.read_bytes(), root=str(folder), sync=False, clobber=clobber)
        else:
            reason = f"it is {'remote' if source.path is None else 'a slice of a file'}, so it can be copied,"
            raise LocationError(source.uri, f"{reason} not brought by {transfer}")

    def retrieve_all(
        self,
        wanted: Sequence[tuple[ArtifactRecord, str]],
        *,
        transfer: Transfer = "auto",
        clobber: bool = False,
    ) -> None:
        """Bring many to their local paths, several of what is remote at a time; see `retrieve`."""

        def bring(pair: tuple[ArtifactRecord, str]) -> None:
            self.retrieve(*pair, transfer=transfer, clobber=clobber)

        remote = []
        for pair in wanted:
            if self.stores.source(pair[0]).is_remote:
                remote.append(pair)
            else:
                bring(pair)
        if remote:
            side_by_side(bring, remote, lambda _pair, _nothing: None)

    def remove(self, records: Iterable[ArtifactRecord]) -> None:
        """Delete the files of datasets.

        Files outside the stores and slices of shared files stay: the first are not ours, the second may hold
        others. What is gone already is no error.
        """
        for store, paths in self.stores.by_store(record for record in records if record.offset < 0):
            store.delete_all(paths)

    def remove_tree(self, run: str, *, keep: Iterable[str] = ()) -> None:
        """Delete all files of a run, but not those of the runs in ``keep`` that lie below it."""
        kept = [encode_run(other) for other in keep if other.startswith(run + "/")]
        for store in self.stores:
            store.delete_tree(encode_run(run), keep=kept)

    def remove_files(self, files: Iterable[FoundFile]) -> None:
        """Delete files that no record names any more, and the folders that they leave empty."""
        by_store: dict[str, list[str]] = {}
        for file in files:
            by_store.setdefault(file.store, []).append(file.path)
        for name, paths in by_store.items():
            self.stores[name].delete_all(paths)

    def set_aside(self, files: Iterable[FoundFile]) -> None:
        """Move files below `LOST`, each under its own path, where nothing reads them."""
        for file in files:
            self.stores[file.store].move(file.path, f"{LOST}/{file.path}")
