"""The errors of pipetask: one base, leaves by what the caller can do; those of the stores are here too."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

_HEADLINE = 300  # characters


def text_of(error: BaseException) -> str:
    """Return the text of any exception, also of somebody else's making whose ``__str__`` fails."""
    try:
        return str(error)
    except Exception as another:
        return f"(its text cannot be had: {type(another).__name__})"


def headline(text: str) -> str:
    """Return the beginning of a text, in one line; "…" where there is more."""
    first, *more = text.strip().splitlines() or [""]
    return f"{first[:_HEADLINE]} …" if more or len(first) > _HEADLINE else first


def described(error: BaseException) -> str:
    """Return type and text of any exception, in one line; the type alone if there is no text.

    What is left out of a longer text is in the traceback of what is raised from it.
    """
    text, kind = headline(text_of(error)), type(error).__name__
    return f"{kind}: {text}" if text else kind


class PipetaskError(Exception):
    """Base of all errors that pipetask raises on purpose.

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


class RepositoryNotFoundError(PipetaskError, FileNotFoundError):
    """No repository where one was looked for."""

    hint = "Make one with: butler create REPO; or name one with -b REPO or $BUTLER_REPO"


class RepositoryExistsError(PipetaskError, FileExistsError):
    """A place where no repository can be made: it holds one, or something else, or is no local folder."""


class RepositoryConfigError(PipetaskError, ValueError):
    """A ``butler.yaml`` that cannot be understood."""

    hint = "Correct it, or restore it from a copy."


class ExportFormatError(PipetaskError, ValueError):
    """An export file that cannot be understood, or whose files are not where it says."""


class ArchiveError(PipetaskError, ValueError):
    """A zip file that is no archive of datasets, or datasets that don't fit into one."""


class FileTableError(PipetaskError, ValueError):
    """A table of files that cannot be read, or a file in it that cannot be taken in."""


class CompositeDefinitionError(PipetaskError, ValueError):
    """A definition of a composite that cannot be understood, or cannot work; says the line.

    Attributes
    ----------
    part, key : `str`
        Name of the part, or key of the composite, that is at fault; empty if it is the whole.
    """

    part = ""
    key = ""


class AssemblyError(PipetaskError, ValueError):
    """Parts of a composite that do not make the whole; names the composite and the cause."""


class CompositePutError(PipetaskError, ValueError):
    """A composite that cannot be put: a part of it is missing, or changed where it must not."""


class EmptyQueryResultError(PipetaskError, LookupError):
    """A query that found nothing, with what to check."""

    exit_code = 3


class InstrumentError(PipetaskError, LookupError):
    """An instrument that is not registered, or a name that leads to no instrument class."""

    hint = "Register it with: butler register-instrument REPO CAMERA.yaml (or a Python class)"


class CameraDescriptionError(PipetaskError, ValueError):
    """A camera description (YAML) that cannot be understood; says the line."""


class HeaderError(PipetaskError, ValueError):
    """A file that cannot be ingested: truncated, or without the header keywords that the camera needs."""


class SkyMapError(PipetaskError, ValueError):
    """A sky map that cannot be laid out, or that differs from one of the same name."""


class ConnectionsError(PipetaskError, TypeError):
    """A declaration of connections, or of the configuration on them, that cannot work; names the class."""


class TaskDefinitionError(PipetaskError, TypeError):
    """A task class whose constructor, ``run`` or outputs do not fit its connections."""


class TaskImportError(PipetaskError, ImportError):
    """A task class that a pipeline names and that cannot be imported, or is no `PipelineTask`."""


class TaskOutputError(PipetaskError, ValueError):
    """What a task made does not fit the outputs that it declared; names the connection."""


class ScalarError(PipetaskError, TypeError):
    """Several datasets for a connection that takes one."""


class MissingPrerequisiteError(PipetaskError, FileNotFoundError):
    """Fewer prerequisite datasets than a quantum needs: nothing in a pipeline makes them."""

    hint = "Ingest or certify it, or add the collection that holds it to the inputs (-i)"


class InvalidQuantumError(PipetaskError, ValueError):
    """``adjustQuantum`` failed, or gave back what cannot be run."""


class ConfigOverrideError(PipetaskError, ValueError):
    """A configuration override that does not fit: unknown field, wrong type, failing file or code."""


class PipelineDocumentError(PipetaskError, ValueError):
    """A pipeline document that cannot be understood; says file and line."""


class ContractError(PipetaskError, ValueError):
    """Configurations of a pipeline's tasks that break one of its contracts."""


class SubsetExpressionError(PipetaskError, ValueError):
    """A subset expression (``--select-tasks``) that cannot be read, or that selects nothing."""

    hint = "Names are labels, subsets and (after < or >) dataset types; operators are | & ~ ( ) < <= > >="


class PipelineGraphError(PipetaskError, ValueError):
    """Tasks that do not fit together: cycles, two producers, dimensions or storage classes that differ."""


class NoWorkFound(BaseException):
    """Raised by ``adjustQuantum`` or a task where a quantum has nothing to do: the quantum is dropped.

    It is no `Exception`, so that a task's own ``except Exception`` lets it pass.
    """


class UpstreamFailureNoWorkFound(NoWorkFound):
    """Raised by a task that has nothing to do because a task before it failed on a part of its inputs."""


class UnprocessableDataError(NoWorkFound):
    """Raised by a task for data that nothing can be made of: the quantum is dropped, and has not failed."""


class TaskError(PipetaskError, RuntimeError):
    """Raised by a task for a failure that its user understands without a traceback."""

    exit_code = 1


class RepeatableQuantumError(PipetaskError, RuntimeError):
    """Raised by a task for a failure that would come again with the same inputs and configuration."""

    exit_code = 1


class AlgorithmError(RepeatableQuantumError):
    """Base for failures of an algorithm; ``metadata`` (plain values) goes into the task's metadata."""

    @property
    def metadata(self) -> Mapping[str, Any]:  # whatever the algorithm reports
        """Numbers and texts that describe the failure."""
        return {}


class AnnotatedPartialOutputsError(RepeatableQuantumError):
    """Raised by a task that failed after it wrote outputs which are worth keeping, and said so in them."""

    @classmethod
    def annotate(
        cls, error: Exception, *holders: Any, log: logging.Logger | None = None
    ) -> AnnotatedPartialOutputsError:
        """Note ``error`` in the ``metadata`` of each of ``holders``; return what to raise ``from error``.

        Parameters
        ----------
        error : `Exception`
            The failure.
        *holders
            Anything with a ``metadata`` that is a mutable mapping: the task, an exposure, a catalog.
            `None` is skipped.
        log : `logging.Logger`, optional
            Where to log the failure.
        """
        failure = {"type": f"{type(error).__module__}.{type(error).__qualname__}", "message": str(error)}
        details = dict(getattr(error, "metadata", {}))
        for holder in holders:
            if holder is not None:
                holder.metadata["failure"] = {**failure, **({"metadata": details} if details else {})}
        if log is not None:
            log.error("Task failed with partial outputs: %s", error, exc_info=error)
        return cls(f"Task failed with partial outputs: {error}")


def __getattr__(name: str) -> Any:  # errors whose modules load at first use: those of the stores first
    for module in ("registry.errors", "datastore.errors", "pipetask.butler.composites.errors"):
        value = getattr(import_module(module), name, None)
        if isinstance(value, type) and issubclass(value, Exception):
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class RunLockedError(PipetaskError, RuntimeError):
    """A run that another process is executing at this moment."""


class ExecutionOptionsError(PipetaskError, ValueError):
    """Options of an execution that contradict each other."""


class BatchError(PipetaskError, ValueError):
    """A step of a batch that comes too early, or that names quanta which aren't in the graph."""


class WorkerStartError(PipetaskError, RuntimeError):
    """Worker processes that can't be started."""


class LostClusterError(PipetaskError, ConnectionError):
    """A dask cluster that can't be reached any more, while it runs quanta."""


class InconsistentRunError(PipetaskError, ValueError):
    """A run that can't be extended, because what it holds differs from what would be written now."""


class NotReproducibleError(PipetaskError, LookupError):
    """A dataset that can't be made again, because what made it or what that needs is not known."""


class JournalError(PipetaskError, OSError):
    """A journal that can't be written or understood."""


class InconsistentGraphError(PipetaskError, ValueError):
    """A graph to be updated that another pipeline, or another repository, was built for."""


class UnknownTaskError(PipetaskError, LookupError):
    """A label that no task of the pipeline has."""


class EmptyGraphError(PipetaskError, LookupError):
    """A quantum graph without quanta.

    Parameters
    ----------
    message : `str`
        Which step dropped them, and what to check.
    explanation : `str`, optional
        What each step kept, task by task.
    """

    exit_code = 3

    def __init__(self, message: str, explanation: str = "") -> None:
        super().__init__(message)
        self.explanation = explanation


class InitInputMissingError(PipetaskError, LookupError):
    """An init-input that neither exists nor is made in the graph; says what would make it."""


class OutputExistsError(PipetaskError, FileExistsError):
    """Outputs of a graph that are in its output run already."""


class AmbiguousCalibrationError(PipetaskError, LookupError):
    """Several calibrations of one kind that are valid at the time of one quantum."""


class AmbiguousPartError(PipetaskError, LookupError):
    """Different datasets of one data ID that are the same part of composites in one graph."""


class UnknownQuantumError(PipetaskError, LookupError):
    """A quantum or task that a graph does not have."""


class InputNotMadeError(PipetaskError, LookupError):
    """A part of a graph that can't be run yet, because the rest has not made its inputs."""


class GraphTooLargeError(PipetaskError, ValueError):
    """A graph with too many quanta to draw each."""


class GraphFileError(PipetaskError, ValueError):
    """A file that is no quantum graph, or one that this release can't read."""


class DataIdTableError(PipetaskError, ValueError):
    """A table of data IDs that can't be read, or whose columns are no dimensions."""


class OutputCollectionError(PipetaskError, ValueError):
    """The collections to read from and to write to contradict each other or what the repository holds."""
