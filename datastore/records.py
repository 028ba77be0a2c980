"""What goes into the datastore with an object (hint) and what comes out (record)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ArtifactHint:
    """What a dataset is: enough for a file name and for the choice of a formatter."""

    dataset_type: str
    storage_class: str
    data_id: Mapping[str, int | str]
    run: str
    id: UUID


class ArtifactRecord(NamedTuple):
    """Where a dataset, or a component stored by itself, lies.

    ``component`` "" is the whole; ``path`` is relative to the root or an absolute URI, maybe with
    ``#fragment``; ``offset`` -1 is the whole file; ``checksum`` may be "" for what was not copied.
    """

    component: str
    store: str
    path: str
    offset: int
    size: int
    checksum: str
    algorithm: str
    formatter: str
    storage_class: str
