"""The errors of pipetask: one base, leaves by what the caller can do; those of the stores are here too."""

from __future__ import annotations

from typing import ClassVar


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
    """A place where a repository was to be made already holds one, or something else."""


class ReadOnlyRepositoryError(PipetaskError, PermissionError):
    """A change to a repository that was opened for reading only."""


class EmptyQueryResultError(PipetaskError, LookupError):
    """A query that found nothing, with what to check."""

    exit_code = 3


class DatasetInUseError(PipetaskError, ValueError):
    """A removal of datasets or collections that something else still refers to."""


class InstrumentError(PipetaskError, LookupError):
    """An instrument that is not registered, or a name that leads to no instrument class."""

    hint = "Register it with: butler register-instrument REPO CAMERA.yaml (or a Python class)"


class CameraDescriptionError(PipetaskError, ValueError):
    """A camera description (YAML) that cannot be understood; says the line."""


class HeaderError(PipetaskError, ValueError):
    """A file that cannot be ingested: truncated, or without the header keywords that the camera needs."""


class SkyMapError(PipetaskError, ValueError):
    """A sky map that cannot be laid out, or that differs from one of the same name."""
