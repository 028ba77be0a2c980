"""File names from a plain mapping of what a dataset is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote, unquote

from datastore.errors import TemplateError

DEFAULT_TEMPLATE = "{run}/{dataset_type}/{component}/{folders}/{dataset_type}_{component}_{values}"
"""One folder per data ID value but the last; all values in the file's name."""

_FIELD = re.compile(r"([/_.-]?)\{(\w+)(\?)?\}|([^{}]+?(?=[/_.-]?\{|$))")
_SAFE = re.compile(r"[A-Za-z0-9_+=,@:-][A-Za-z0-9_+=,@:.-]*")
_OPTIONAL = frozenset({"component", "folders", "values"})


class DatasetNames(Protocol):
    """What a template may name (an `ArtifactHint` is one)."""

    @property
    def dataset_type(self) -> str: ...  # noqa: D102
    @property
    def run(self) -> str: ...  # noqa: D102
    @property
    def data_id(self) -> Mapping[str, int | str]: ...  # noqa: D102
    @property
    def id(self) -> object: ...  # noqa: D102


@lru_cache(maxsize=10_000, typed=True)  # instruments, types and filters come again and again
def encode(value: object) -> str:
    """Return one value as a safe part of a file name; `decode` gives it back."""
    text = str(value)
    if _SAFE.fullmatch(text):
        return text
    quoted = quote(text, safe="+=,@:").replace("~", "%7E")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def decode(part: str) -> str:
    """Return the value that `encode` made a part of a file name of."""
    return unquote(part)


def encode_run(run: str) -> str:
    """Return the folder of a run, relative to the root; its slashes separate folders."""
    parts = run.split("/")
    if not all(parts):
        raise TemplateError(run, "a run has an empty name between its slashes")
    return "/".join(encode(part) for part in parts)


class Template:
    """A file name with fields.

    Fields are ``{run}``, ``{dataset_type}``, ``{id}``, any key of the data ID, and three that may
    be empty: ``{component}`` (only of a dataset stored in parts), ``{values}`` (all values of the
    data ID) and ``{folders}`` (all but the last, one folder each). A field written ``{name?}`` may
    be missing. An empty field takes the separator before it away.
    """

    __slots__ = ("_fields", "_parts", "_sufficient", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._sufficient: set[tuple[str, ...]] = set()  # keys of data IDs that were found to be told apart
        self._parts: list[tuple[str, str, bool, str]] = []
        position = 0
        for match in _FIELD.finditer(text):
            if match.start() != position:
                break
            separator, name, optional, literal = match.groups(default="")
            self._parts.append((separator, name, bool(optional), literal))
            position = match.end()
        self._fields = names = {name for _, name, _, _ in self._parts}
        if position != len(text):
            raise TemplateError(text, f"a brace at character {position} is not part of a {{field}}")
        if "run" not in names:
            raise TemplateError(text, "it lacks {run}, so that runs would share files")

    def path(self, dataset: DatasetNames, component: str = "", extension: str = "") -> str:
        """Return the path relative to the root, with slashes."""
        text = ""
        for separator, name, optional, literal in self._parts:
            if literal:
                text += literal
            elif value := self._value(dataset, component, name, optional=optional):
                text += separator + value
        if any(part in ("", ".", "..") for part in text.split("/")):
            raise TemplateError(self.text, f"it gives {text!r}, which is not a path below the root")
        if (keys := tuple(dataset.data_id)) not in self._sufficient:
            self._check_values(dataset.dataset_type, keys)
            self._sufficient.add(keys)
        if component and "component" not in self._fields:
            raise TemplateError(
                self.text,
                f"it lacks {{component}}, so that parts of {dataset.dataset_type!r} would share files",
            )
        return text + extension

    def names_type(self) -> bool:
        """Tell whether files of different dataset types have different names."""
        return not self._fields.isdisjoint(("dataset_type", "id"))

    def _check_values(self, dataset_type: str, keys: tuple[str, ...]) -> None:
        """Raise if datasets of one type and run would share files."""
        if not self._fields.isdisjoint(("values", "id")):
            return
        told = self._fields.union(keys[:-1] if "folders" in self._fields else ())
        if absent := [name for name in keys if name not in told]:
            fields = ", ".join(f"{{{name}}}" for name in absent)
            reason = f"it lacks {fields}, so that datasets {dataset_type!r} would share files"
            raise TemplateError(self.text, reason)

    def _value(self, dataset: DatasetNames, component: str, name: str, *, optional: bool) -> str:
        data_id = dataset.data_id
        if name == "run":
            return encode_run(dataset.run)
        if name == "dataset_type":
            return encode(dataset.dataset_type)
        if name == "component":
            return encode(component) if component else ""
        if name == "id":
            return encode(dataset.id)
        if name == "values":
            return "_".join(encode(value) for value in data_id.values())
        if name == "folders":
            return "/".join(encode(value) for value in list(data_id.values())[:-1])
        if name in data_id:
            return encode(data_id[name])
        if optional:
            return ""
        known = ", ".join(["run", "dataset_type", "id", *sorted(_OPTIONAL), *data_id])
        raise TemplateError(self.text, f"dataset {dataset.dataset_type!r} has no {name!r}; it has {known}")


class Templates:
    """The template of each dataset type: by its name, else by its storage class, else the default."""

    __slots__ = ("_default", "_templates")

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self._templates = {name: Template(text) for name, text in (texts or {}).items()}
        self._default = self._templates.get("default") or Template(DEFAULT_TEMPLATE)

    def find(self, dataset_type: str, storage_class: str) -> Template:
        """Return the template for a dataset type."""
        if (own := self._templates.get(dataset_type)) is not None:
            return own
        found = self._templates.get(storage_class) or self._default
        if not found.names_type():
            raise TemplateError(
                found.text, "it lacks {dataset_type}, so that dataset types would share files"
            )
        return found
