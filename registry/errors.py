"""The registry's errors: one base, leaves by what the caller can do about them."""

from __future__ import annotations

from typing import ClassVar


class RegistryError(Exception):
    """Base of all errors that the registry raises on purpose.

    Parameters
    ----------
    message : `str`
        What is wrong, where, and what to do next.
    hint : `str`, optional
        A further step to suggest; instances without one use that of their class.
    """

    exit_code: ClassVar[int] = 2
    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownDimensionError(RegistryError, KeyError):
    """A name that is no dimension (or dimension element) of the universe, or of a data ID."""


class InvalidArgumentError(RegistryError, TypeError, ValueError):
    """An argument of a type that it cannot have, or that is none of the values to choose from."""


class InvalidUniverseError(RegistryError, ValueError):
    """A dimension universe file that does not describe a universe."""


class InconsistentUniverseError(RegistryError, ValueError):
    """Objects, or a repository and an import, made with different dimension universes."""


class DataIdError(RegistryError, ValueError):
    """A data ID with a key missing, superfluous or of the wrong type, or without a dimension record."""


class InvalidTimespanError(RegistryError, ValueError):
    """A time that fits in no timespan, or a question that an empty timespan has no answer to."""


class InvalidDatasetTypeError(RegistryError, ValueError):
    """A dataset type that cannot be: its name or its component is not valid."""


class MissingDatasetTypeError(RegistryError, LookupError):
    """A dataset type that the repository does not know."""

    hint = "List the known ones with: butler query-dataset-types"


class MissingCollectionError(RegistryError, LookupError):
    """A collection that the repository does not know."""

    hint = "List the known ones with: butler query-collections"


class CollectionTypeError(RegistryError, TypeError):
    """A collection of a type that the operation is not defined for."""


class CollectionCycleError(RegistryError, ValueError):
    """A chain of collections that would contain itself."""


class CollectionExistsError(RegistryError, ValueError):
    """A collection that exists already, with another type."""


class InvalidNameError(RegistryError, ValueError):
    """A name that a collection cannot have."""


class ConflictingDefinitionError(RegistryError, ValueError):
    """Something is registered already, with a different definition."""


class DatasetNotFoundError(RegistryError, LookupError):
    """A dataset that none of the searched collections holds."""

    exit_code = 3


class CalibrationLookupError(RegistryError, LookupError):
    """A calibration that cannot be chosen: no validity range fits, or several do."""


class OrphanedRecordError(RegistryError, ValueError):
    """A removal that would leave other rows pointing at nothing."""


class ChainedCollectionError(OrphanedRecordError):
    """The removal of a collection that is in a chain."""


class RepositoryFormatError(RegistryError, ValueError):
    """A database that is no registry, or whose contents this version cannot read."""


class SchemaVersionError(RepositoryFormatError):
    """A registry whose tables are older or newer than this version of the package."""


class DatabaseConflictError(RegistryError, RuntimeError):
    """The database refused a change: others were faster, it is locked, full, or open for reading only."""


class DatabaseBusyError(DatabaseConflictError):
    """A database that others kept locked for too long: the same change may succeed later."""


class TransactionError(RegistryError, RuntimeError):
    """What cannot be done inside a transaction, or inside one of this kind."""


class DatabaseUnavailableError(RegistryError, ConnectionError):
    """A database that cannot be reached, or that lets the user not in."""


class InvalidQueryError(RegistryError, ValueError):
    """A query expression that is malformed, or that names something unknown.

    Parameters
    ----------
    message : `str`
        What is wrong.
    text : `str`, optional
        The whole expression.
    position : `int`, optional
        Offset in ``text`` of the character that the message is about.
    """

    def __init__(self, message: str, text: str = "", position: int | None = None) -> None:
        super().__init__(message)
        self.args = (message, text, position)
        self.text = text
        self.position = position

    def __str__(self) -> str:
        message = str(self.args[0])
        if self.position is None or not self.text:
            return f"{message} (in {self.text!r})" if self.text else message
        return f"{message}\n{self.caret()}"

    def caret(self) -> str:
        """Return the line of the expression that is at fault, with a caret under the character."""
        position = min(self.position or 0, len(self.text))
        start = self.text.rfind("\n", 0, position) + 1
        line = self.text[start:].split("\n", 1)[0]
        return f"  {line}\n  {' ' * (position - start)}^"
