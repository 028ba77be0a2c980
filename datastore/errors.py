"""The error family of the datastore: one base, leaves by what the caller can do about them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar


def _nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known name, or nothing."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


class DatastoreError(Exception):
    """Base of everything that the datastore raises on purpose."""

    exit_code: ClassVar[int] = 2
    hint: ClassVar[str] = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args


class ArtifactMissingError(DatastoreError, FileNotFoundError):
    """The file of a recorded dataset is not where its record says."""

    hint = "if it was moved or deleted by hand, put it back, ingest it again, or butler prune-datasets"

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri

    def __str__(self) -> str:
        return f"No file at {self.uri!r}, although it is recorded; {self.hint}"


class ArtifactExistsError(DatastoreError, FileExistsError):
    """A write would replace a file that is already there."""

    hint = "remove the dataset first, write to another run, or ask to clobber"

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri

    def __str__(self) -> str:
        return f"A file exists at {self.uri!r} already; {self.hint}"


class ArtifactReadError(DatastoreError, OSError):
    """A file is there but can't be read as what its record says."""

    hint = "check the file; if it is damaged, remove the dataset and make it again"

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri = uri
        self.reason = reason

    def __str__(self) -> str:
        return f"Can't read {self.uri!r}: {self.reason}; {self.hint}"


class FileRefusedError(DatastoreError, OSError):
    """A file can't become a dataset: it is not there, not whole, or not of the format said."""

    hint = "check that it is there, whole, and of the format of the dataset type"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"File {self.path!r} can't be taken in: {self.reason}; {self.hint}"


class ArtifactWriteError(DatastoreError, OSError):
    """A file could not be written."""

    hint = "check free space, permissions and the length of the name"

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri = uri
        self.reason = reason

    def __str__(self) -> str:
        return f"Can't write {self.uri!r}: {self.reason}; {self.hint}"


class FormatterError(DatastoreError, ValueError):
    """A value can't be written in, or read from, the chosen format."""

    hint = "change the value or choose another formatter for this storage class"

    def __init__(self, formatter: str, reason: str) -> None:
        super().__init__(formatter, reason)
        self.formatter = formatter
        self.reason = reason

    def __str__(self) -> str:
        return f"Formatter {self.formatter!r}: {self.reason}; {self.hint}"


class UnknownFormatterError(DatastoreError, LookupError):
    """No formatter has this name."""

    hint = "or give the dotted name of a class of your own"

    def __init__(self, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        there = ", ".join(self.known)
        return f"No formatter {self.name!r}{_nearest(self.name, self.known)}; there are: {there}; {self.hint}"


class UnknownStorageClassError(DatastoreError, LookupError):
    """No storage class has this name."""

    hint = "define it in the repository's configuration or install the plugin that brings it"

    def __init__(self, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"No storage class {self.name!r}{_nearest(self.name, self.known)}; {self.hint}"


class UnknownComponentError(DatastoreError, LookupError):
    """A storage class has no such component."""

    hint = "ask for one of its components, or for the whole dataset"

    def __init__(self, storage_class: str, component: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(storage_class, component, known)
        self.storage_class = storage_class
        self.component = component
        self.known = known

    def __str__(self) -> str:
        return (
            f"Storage class {self.storage_class!r} has no component {self.component!r}"
            f"{_nearest(self.component, self.known)}; it has: {', '.join(self.known) or 'none'}"
        )


class StorageClassDefinitionError(DatastoreError, ValueError):
    """The definition of a storage class or formatter can't be used."""

    hint = "correct the definition in the plugin or the repository's configuration"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"Definition of {self.name!r}: {self.reason}; {self.hint}"


class PackageMissingError(StorageClassDefinitionError):
    """A storage class or formatter needs a package that is not installed."""

    hint = "install it, or correct the definition in the plugin or the repository's configuration"
    to_install: ClassVar[Mapping[str, str]] = {
        "asdf": "'pipetask[asdf]'",
        "asdf_astropy": "'pipetask[asdf]'",
        "matplotlib": "'pipetask[plot]'",
        "pandas": "pandas",
    }
    """What to install for the packages that built-in storage classes and formats need."""

    @classmethod
    def of(cls, user: str, error: ModuleNotFoundError) -> PackageMissingError:
        """Return the error that says what a storage class or formatter could not import."""
        package = str(error.name).partition(".")[0]
        known = cls.to_install.get(package)
        how = f" (pip install {known})" if known else ""
        return cls(user, f"the package {package!r} is not installed{how}")


class StorageTypeError(DatastoreError, TypeError):
    """An object's type is not that of the storage class, nor convertible to it."""

    hint = "convert the object, or choose another storage class for the dataset type"

    def __init__(self, storage_class: str, wanted: str, found: str) -> None:
        super().__init__(storage_class, wanted, found)
        self.storage_class = storage_class
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        wanted, found = (name.removeprefix("builtins.") for name in (self.wanted, self.found))
        return f"Storage class {self.storage_class!r} wants {wanted}, not {found}; {self.hint}"


class ParameterError(DatastoreError, ValueError):
    """A read parameter is unknown or out of range."""

    hint = "see the parameters of the storage class"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}; {self.hint}"


class ConfigurationError(DatastoreError, ValueError):
    """The repository's configuration of the datastore has a key that means nothing."""

    hint = "correct the section 'datastore' of butler.yaml"

    def __init__(self, key: str, known: tuple[str, ...]) -> None:
        super().__init__(key, known)
        self.key = key
        self.known = known

    def __str__(self) -> str:
        there = ", ".join(self.known)
        return (
            f"A datastore has no {self.key!r}{_nearest(self.key, self.known)}; it has: {there}; {self.hint}"
        )


class ConfigurationValueError(DatastoreError, TypeError):
    """A part of the repository's configuration of the datastore has a value of the wrong kind."""

    hint = "correct the section 'datastore' of butler.yaml"

    def __init__(self, key: str, wanted: str, value: str) -> None:
        super().__init__(key, wanted, value)
        self.key = key
        self.wanted = wanted
        self.value = value

    def __str__(self) -> str:
        return f"{self.key!r} of a datastore is a {self.wanted}, not {self.value}; {self.hint}"


class StoreDefinitionError(DatastoreError, ValueError):
    """The definition of a store can't be used."""

    hint = "correct 'datastore: stores' in butler.yaml"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"Store {self.name!r}: {self.reason}; {self.hint}"


class CacheDefinitionError(DatastoreError, ValueError):
    """The definition of the cache can't be used."""

    hint = "correct 'datastore: cache' in butler.yaml"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"Cache: {self.reason}; {self.hint}"


class UnknownStoreError(DatastoreError, LookupError):
    """A record names a store that the repository doesn't have."""

    hint = "define it again in 'datastore: stores' of butler.yaml"

    def __init__(self, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return (
            f"No store {self.name!r}{_nearest(self.name, self.known)}; there are: "
            f"{', '.join(self.known) or 'none'}; {self.hint}"
        )


class NoStoreError(DatastoreError, LookupError):
    """No store takes a dataset."""

    hint = "let one accept it, in 'datastore: stores' of butler.yaml"

    def __init__(self, dataset_type: str, storage_class: str, stores: tuple[str, ...]) -> None:
        super().__init__(dataset_type, storage_class, stores)
        self.dataset_type = dataset_type
        self.storage_class = storage_class
        self.stores = stores

    def __str__(self) -> str:
        return (
            f"No store takes dataset type {self.dataset_type!r} (storage class {self.storage_class!r}); "
            f"there are: {', '.join(self.stores)}; {self.hint}"
        )


class StoreUnavailableError(DatastoreError, OSError):
    """A remote store failed each time that it was asked."""

    hint = "check the network and the store, then do it again: nothing was recorded"

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri = uri
        self.reason = reason

    def __str__(self) -> str:
        return f"The store of {self.uri!r} {self.reason}; {self.hint}"


class StoreRefusedError(DatastoreError, PermissionError):
    """A remote store does not let this program do what it asked for."""

    hint = "check the credentials in the environment, and what they allow"

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri = uri
        self.reason = reason

    def __str__(self) -> str:
        return f"The store of {self.uri!r} refuses: {self.reason}; {self.hint}"


class InvalidValueError(DatastoreError, ValueError):
    """A value type (box, mask, background, …) was given numbers that contradict each other."""

    hint = "correct the values"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}; {self.hint}"


class TemplateError(DatastoreError, ValueError):
    """A file name template can't be used, or not for this dataset."""

    hint = "correct the template in the repository's configuration"

    def __init__(self, template: str, reason: str) -> None:
        super().__init__(template, reason)
        self.template = template
        self.reason = reason

    def __str__(self) -> str:
        return f"File name template {self.template!r}: {self.reason}; {self.hint}"


class LocationError(DatastoreError, ValueError):
    """A path leaves the root of the datastore, or a location can't be used that way."""

    hint = "give a path below the root, or an absolute URI with transfer 'direct'"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"Location {self.path!r}: {self.reason}; {self.hint}"


class IncompleteDatasetError(DatastoreError, LookupError):
    """Some components of a dataset are here, and what was asked for is not among them."""

    hint = "ask for one that is here, or get the dataset from where it is whole"

    def __init__(self, wanted: str, here: tuple[str, ...], absent: tuple[str, ...]) -> None:
        super().__init__(wanted, here, absent)
        self.wanted = wanted
        self.here = here
        self.absent = absent

    def __str__(self) -> str:
        return (
            f"Only {', '.join(self.here)} of the dataset is here, not {self.wanted}; "
            f"absent: {', '.join(self.absent)}; {self.hint}"
        )


class CompositeError(DatastoreError, ValueError):
    """Parts that do not make the composite, or a composite that does not fall into its parts."""

    hint = "make the parts fit each other, or give the composite an assembler of its own"

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.hint}"


class DigestError(DatastoreError, TypeError):
    """An object whose value can't be compared."""

    hint = "give its class a method to_json, or make it a dataclass"

    def __init__(self, pytype: str) -> None:
        super().__init__(pytype)
        self.pytype = pytype

    def __str__(self) -> str:
        return f"Objects of {self.pytype} can't be compared by value; {self.hint}"
