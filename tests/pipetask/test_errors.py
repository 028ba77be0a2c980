"""The errors of pipetask: one base, picklable, those of the stores reachable too."""

import builtins
import inspect
import logging
import pickle
from types import SimpleNamespace

import pytest

from pipetask import errors
from pipetask.errors import AlgorithmError, AnnotatedPartialOutputsError, NoWorkFound, PipetaskError

LEAVES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, PipetaskError) and value is not PipetaskError
]


@pytest.mark.parametrize("error", LEAVES, ids=lambda cls: cls.__name__)
def test_every_error_survives_pickling_and_is_a_builtin_too(error):
    needed = [p for p in inspect.signature(error).parameters.values() if p.default is p.empty]
    made = error(*["what is wrong" for _ in needed])
    made.hint = "what to do"
    copy = pickle.loads(pickle.dumps(made))
    assert type(copy) is error
    assert (str(copy), copy.hint) == (str(made), "what to do")
    assert "what is wrong" in str(copy)
    assert error.exit_code in (1, 2, 3)
    assert any(base.__module__ == builtins.__name__ for base in error.__mro__ if base is not Exception)


def test_the_errors_of_the_stores_are_here():
    assert errors.MissingCollectionError.__module__ == "registry.errors"
    assert errors.ArtifactMissingError.__module__ == "datastore.errors"
    with pytest.raises(AttributeError, match="NoSuchError"):
        errors.NoSuchError  # noqa: B018


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("one"), "ValueError: one"),
        (ValueError("\none\ntwo"), "ValueError: one …"),
        (ValueError("x" * 400), f"ValueError: {'x' * 300} …"),
        (ValueError(" \n"), "ValueError"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_exception_of_somebody_else_is_described_in_one_line(error, text):
    assert errors.described(error) == text


def test_no_work_found_passes_a_task_s_own_exception_handling():
    assert not issubclass(NoWorkFound, Exception)
    assert pickle.loads(pickle.dumps(NoWorkFound("nothing"))).args == ("nothing",)


def test_annotate_notes_the_failure_in_every_holder(caplog):
    class FitError(AlgorithmError):
        @property
        def metadata(self):
            return {"n": 3}

    task, catalog = SimpleNamespace(metadata={}), SimpleNamespace(metadata={"a": 1})
    error = AnnotatedPartialOutputsError.annotate(
        FitError("no stars"), task, None, catalog, log=logging.getLogger("phot")
    )
    assert isinstance(error, errors.RepeatableQuantumError)
    assert "no stars" in str(error)
    assert catalog.metadata["a"] == 1
    for holder in (task, catalog):
        assert holder.metadata["failure"]["message"] == "no stars"
        assert holder.metadata["failure"]["metadata"] == {"n": 3}
    assert "no stars" in caplog.text
