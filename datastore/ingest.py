"""Ingest: files that exist already become artifacts, looked into first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from datastore.artifact import ALGORITHM, file_checksum
from datastore.configured import ConfiguredDatastore
from datastore.errors import (
    ArtifactExistsError,
    ArtifactMissingError,
    ArtifactReadError,
    FileRefusedError,
    LocationError,
)
from datastore.formatters.base import find_formatter
from datastore.locations import Source, file_uri, local_path
from datastore.reading import reading
from datastore.records import ArtifactHint, ArtifactRecord
from datastore.staging import distinct
from datastore.stores.base import Store
from datastore.stores.remote import remote_source
from datastore.templates import Template
from datastore.transfer import Transfer, file_size


class IngestingDatastore(ConfiguredDatastore):
    """Takes files in."""

    def ingest(
        self,
        path: str | Path,
        hint: ArtifactHint,
        *,
        transfer: Transfer = "auto",
        formatter: str | None = None,
        sync: bool = True,
        with_checksum: bool = True,
        delete_source: bool = True,
    ) -> list[ArtifactRecord]:
        """Take a file that exists already as a dataset, and return its record.

        Parameters
        ----------
        path : path or URI
            The file; a ``#fragment`` (``#hdu=2``) is for the formatter.
        hint : `ArtifactHint`
            What it is.
        transfer : `str`, optional
            "copy", "move", "hardlink", "symlink", "relsymlink" (relative to its folder), "link" (a hard link
            where possible, else a symbolic one); "direct" records where it is and leaves it there;
            "auto" leaves a file below the root where it is, and links or copies others.
        formatter : `str`, optional
            Name of the formatter that reads it; default as for a write.
        sync : `bool`, optional
            Return when it is durable.
        with_checksum : `bool`, optional
            Read the file for its checksum; only a file recorded where it is may go without.
        delete_source : `bool`, optional
            Whether "move" deletes the file that it was; else that is left to the caller.
        """
        take = self.intake(
            hint.dataset_type,
            hint.storage_class,
            transfer=transfer,
            formatter=formatter,
            sync=sync,
            with_checksum=with_checksum,
            delete_source=delete_source,
        )
        return [take(path, lambda: hint)]

    def intake(
        self,
        dataset_type: str,
        storage_class: str,
        *,
        transfer: Transfer = "auto",
        formatter: str | None = None,
        sync: bool = True,
        with_checksum: bool = True,
        delete_source: bool = True,
    ) -> Intake:
        """Return what takes in files of one dataset type, many of them; parameters as for `ingest`."""
        kind = self.storage_classes.get(storage_class)
        name = formatter or self.formatter_of(dataset_type, kind)[0]
        find_formatter(name)
        store = self.stores.for_dataset(dataset_type, storage_class)
        template = self.templates.find(dataset_type, storage_class)
        return Intake(
            store,
            template,
            kind.name,
            name,
            transfer,
            sync=sync,
            with_checksum=with_checksum,
            delete_source=delete_source,
        )

    def check(self, path: str | Path, hint: ArtifactHint, *, formatter: str | None = None) -> None:
        """Open a file as `ingest` would, and raise if it can't be read as what it is said to be."""
        storage_class = self.storage_classes.get(hint.storage_class)
        name = formatter or self.formatter_of(hint.dataset_type, storage_class)[0]
        location, _, fragment = str(path).partition("#")
        if (local := local_path(location)) is not None:
            source = Source(local, local, fragment, -1, _size(local))
        else:
            source = remote_source(location, fragment, -1, -1, {})
        try:
            reading(name, source, lambda: find_formatter(name).check(source, storage_class))
        except ArtifactReadError as err:
            raise FileRefusedError(location, err.reason) from err
        except ArtifactMissingError as err:
            raise FileRefusedError(location, "there is no such file") from err


class Intake:
    """Takes in files of one dataset type in one way; made by `IngestingDatastore.intake`."""

    def __init__(
        self,
        store: Store,
        template: Template,
        storage_class: str,
        formatter: str,
        transfer: Transfer,
        *,
        sync: bool,
        with_checksum: bool,
        delete_source: bool,
    ) -> None:
        self._store = store
        self._template = template
        self._storage_class = storage_class
        self._formatter = formatter
        self._transfer = transfer
        self._sync = sync
        self._with_checksum = with_checksum
        # "auto" is for a store what "move" is, but for the source.
        self._way: Transfer = "auto" if transfer == "move" and not delete_source else transfer

    def __call__(self, path: str | Path, hint: Callable[[], ArtifactHint]) -> ArtifactRecord:
        """Take a file in, and return its record; what it is, is only asked where it gets a new name."""
        location, _, fragment = str(path).partition("#")
        local = local_path(location)
        if local is None:
            if self._transfer not in ("direct", "auto"):
                raise LocationError(
                    location, f"a remote file can't be ingested with transfer {self._transfer!r}"
                )
            recorded, size, digest = location, -1, ""
        else:
            size = file_size(local)
            kept = self._transfer == "auto" and _kept_in(self._store, local)
            stays = kept or self._transfer == "direct"
            digest = "" if stays and not self._with_checksum else file_checksum(local)
            if self._transfer == "direct":
                recorded = file_uri(local)
            elif kept:
                recorded = self._store.relative(local) or ""
            else:
                recorded = self._place(local, hint())
        if fragment:
            recorded += f"#{fragment}"
        algorithm = ALGORITHM if digest else ""
        names = self._formatter, self._storage_class
        return ArtifactRecord("", self._store.name, recorded, -1, size, digest, algorithm, *names)

    @property
    def is_remote(self) -> bool:
        """Whether files are sent to where they are to be: several at a time is faster then."""
        return self._store.is_remote

    def _place(self, local: str, hint: ArtifactHint) -> str:
        """Bring a local file to its place; return the location to record."""
        suffixes = Path(local).suffixes
        compressed = bool(suffixes) and suffixes[-1] in (".gz", ".bz2", ".fz")
        suffix = "".join(suffixes[-2:] if compressed else suffixes[-1:])
        recorded = self._template.path(hint, "", suffix)
        try:
            self._store.take(local, recorded, self._way, sync=self._sync)
        except ArtifactExistsError:  # left there, or about to be deleted
            recorded = distinct(recorded, hint.id.hex)
            self._store.take(local, recorded, self._way, sync=self._sync)
        return recorded


def _size(path: str) -> int:
    """Return the size of a file that is to be taken in."""
    try:
        return file_size(path)
    except ArtifactReadError as err:
        raise FileRefusedError(path, err.reason) from err
    except ArtifactMissingError as err:
        if os.path.isdir(path):  # noqa: PTH112 - text
            reason = "it is a folder"
        elif os.path.islink(path):  # noqa: PTH114 - text
            reason = f"it is a link to {os.readlink(path)!r}, which is not there"  # noqa: PTH115 - text
        else:
            reason = "there is no such file"
        raise FileRefusedError(path, reason) from err


def _kept_in(store: Store, local: str) -> bool:
    """Tell whether a file lies in a store, and not in one of its hidden folders, whose files do not last."""
    relative = store.relative(local)
    return relative is not None and not relative.startswith(".")
