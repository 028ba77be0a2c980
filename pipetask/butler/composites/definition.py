"""Definitions of composites: their parts, and the form in which a repository stores them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

ALL = -1
"""Value of `Part.minimum` that means: as many as there are dimension records."""
ANY_OBJECT = "Composite"
"""Storage class of composites that name a Python class instead of one."""


@dataclass(frozen=True)
class Part:
    """What one component of a composite is, and where it is found.

    Parameters
    ----------
    name : `str`
        Component of the composite; dotted for components of components (``mask.DETECTED``).
    dataset_type : `str`
        Dataset type that it is a dataset of, or a component of one (``calexp.wcs``).
    collections : `tuple` [`str`], optional
        Where it is searched; by default where the composite is.
    input_only : `bool`, optional
        Never written by a put of the composite.
    write_once : `bool`, optional
        Written by the first put; later ones must have an equal value.
    subset : `bool`, optional
        All matching datasets, as a list ordered by data ID.
    data_id : mapping, optional
        Values that are pinned, whatever the composite's data ID.
    data_ids_from : `str`, optional
        Component of a dataset (``deepCoadd.inputs``), a table of the data IDs or ids of the datasets.
    minimum : `int`, optional
        How many there must be at least; `ALL` means one for each dimension record.
    unique : `bool`, optional
        Different datasets in the collections searched are an error, instead of the first one being taken.
    """

    name: str
    dataset_type: str
    collections: tuple[str, ...] = ()
    input_only: bool = False
    write_once: bool = False
    subset: bool = False
    data_id: Mapping[str, Any] = field(default_factory=dict)
    data_ids_from: str = ""
    minimum: int = 1
    unique: bool = False

    def __str__(self) -> str:
        """Say where it is from, as a user would."""
        pinned = [f"{name}={value}" for name, value in self.data_id.items()]
        details = [
            *pinned,
            *(["list"] if self.subset else []),
            *(["none absent"] if self.minimum == ALL else []),
            *([f"at least {self.minimum}"] if self.many and self.minimum not in (1, ALL) else []),
            *([f"named by {self.data_ids_from}"] if self.data_ids_from else []),
            *([f"in {', '.join(self.collections)}"] if self.collections else []),
            *(["unique"] if self.unique else []),
            *(["input only"] if self.input_only else []),
            *(["written once"] if self.write_once else []),
        ]
        return self.dataset_type + (f" ({'; '.join(details)})" if details else "")

    @property
    def many(self) -> bool:
        """Whether it is a list of datasets."""
        return self.subset or bool(self.data_ids_from)

    @property
    def is_written(self) -> bool:
        """Whether it is a dataset that a put of the composite may write."""
        return not (self.input_only or self.many or "." in self.dataset_type)


@dataclass(frozen=True)
class Composite:
    """A dataset type whose datasets are made of parts.

    Parameters
    ----------
    name : `str`
        Of the dataset type.
    parts : `tuple` [`Part`]
        In the order in which the definition has them.
    dimensions : `tuple` [`str`], optional
        Of its data IDs; empty means those of its parts.
    storage_class, python : `str`, optional
        Name of the storage class, or of the Python class, of the whole.
    base : `str`, optional
        Name of the part that the others are laid over.
    assembler, disassembler : `str`, optional
        Dotted names of functions.
    """

    name: str
    parts: tuple[Part, ...]
    dimensions: tuple[str, ...] | None = None
    storage_class: str = ""
    python: str = ""
    base: str = ""
    assembler: str = ""
    disassembler: str = ""

    def part(self, name: str) -> Part | None:
        """Return the part of a name, or `None`."""
        return next((part for part in self.parts if part.name == name), None)

    def needed_for(self, component: str | None) -> tuple[Part, ...]:
        """Return the parts that a component is made of, all of them for the whole."""
        if component is None:
            return self.parts
        first, _, rest = component.partition(".")
        if (part := self.part(component)) is not None or (rest and (part := self.part(first)) is not None):
            return (part,)
        if (base := self.base_part) is None:
            return self.parts
        return base, *(part for part in self.parts if part.name.startswith(f"{component}."))

    @property
    def base_part(self) -> Part | None:
        """The part that the others are laid over."""
        return self.part(self.base) if self.base else None

    def to_json(self) -> str:
        """Return the stored form; equal definitions have equal texts."""
        return json.dumps(asdict(self), sort_keys=True)

    @cached_property
    def digest(self) -> str:
        """What identifies the definition, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Composite:
        """Return what `to_json` wrote."""
        values = json.loads(text)
        parts = tuple(
            Part(**{**part, "collections": tuple(part["collections"])}) for part in values.pop("parts")
        )
        dimensions = values.pop("dimensions")
        return cls(parts=parts, dimensions=None if dimensions is None else tuple(dimensions), **values)
