"""Ingest: files that exist already become artifacts, looked into first."""

from __future__ import annotations

from pathlib import Path

from datastore.artifact import ALGORITHM, file_checksum
from datastore.configured import ConfiguredDatastore
from datastore.errors import LocationError
from datastore.formatters.base import find_formatter
from datastore.locations import Source, file_uri, local_path
from datastore.reading import reading
from datastore.records import ArtifactHint, ArtifactRecord
from datastore.stores.base import Store
from datastore.stores.remote import remote_source
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
    ) -> list[ArtifactRecord]:
        """Take a file that exists already as a dataset, and return its record.

        Parameters
        ----------
        path : path or URI
            The file; a ``#fragment`` (``#hdu=2``) is for the formatter.
        hint : `ArtifactHint`
            What it is.
        transfer : `str`, optional
            "copy", "move", "hardlink", "symlink"; "direct" records where it is and leaves it there;
            "auto" leaves a file below the root where it is, and links or copies others.
        formatter : `str`, optional
            Name of the formatter that reads it; default as for a write.
        sync : `bool`, optional
            Return when it is durable.
        with_checksum : `bool`, optional
            Read the file for its checksum; only a file recorded where it is may go without.
        """
        storage_class = self.storage_classes.get(hint.storage_class)
        name = formatter or self.formatter_of(hint.dataset_type, storage_class)[0]
        find_formatter(name)
        location, _, fragment = str(path).partition("#")
        local = local_path(location)
        store = self.stores.for_dataset(hint.dataset_type, hint.storage_class)
        if local is None:
            if transfer not in ("direct", "auto"):
                raise LocationError(location, f"a remote file can't be ingested with transfer {transfer!r}")
            recorded, size, digest = location, -1, ""
        else:
            size = file_size(local)
            stays = transfer == "direct" or (transfer == "auto" and _kept_in(store, local))
            digest = "" if stays and not with_checksum else file_checksum(local)
            recorded = self._place(store, local, hint, transfer, sync=sync)
        if fragment:
            recorded += f"#{fragment}"
        algorithm = ALGORITHM if digest else ""
        return [
            ArtifactRecord("", store.name, recorded, -1, size, digest, algorithm, name, storage_class.name)
        ]

    def _place(self, store: Store, local: str, hint: ArtifactHint, transfer: Transfer, *, sync: bool) -> str:
        """Bring a local file to its place; return the location to record."""
        if transfer == "direct":
            return file_uri(local)
        if transfer == "auto" and _kept_in(store, local):
            return store.relative(local) or ""
        suffixes = Path(local).suffixes
        compressed = bool(suffixes) and suffixes[-1] in (".gz", ".bz2", ".fz")
        suffix = "".join(suffixes[-2:] if compressed else suffixes[-1:])
        template = self.templates.find(hint.dataset_type, hint.storage_class)
        recorded = template.path(hint, "", suffix)
        store.take(local, recorded, transfer, sync=sync)
        return recorded

    def check(self, path: str | Path, hint: ArtifactHint, *, formatter: str | None = None) -> None:
        """Open a file as `ingest` would, and raise if it can't be read as what it is said to be."""
        storage_class = self.storage_classes.get(hint.storage_class)
        name = formatter or self.formatter_of(hint.dataset_type, storage_class)[0]
        location, _, fragment = str(path).partition("#")
        if (local := local_path(location)) is not None:
            source = Source(local, local, fragment, -1, file_size(local))
        else:
            source = remote_source(location, fragment, -1, -1, {})
        reading(name, source, lambda: find_formatter(name).check(source, storage_class))


def _kept_in(store: Store, local: str) -> bool:
    """Tell whether a file lies in a store, and not in one of its hidden folders, whose files do not last."""
    relative = store.relative(local)
    return relative is not None and not relative.startswith(".")
