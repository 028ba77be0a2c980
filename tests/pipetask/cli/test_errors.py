"""Every error ends in one line and the exit code that belongs to it."""

import errno
import logging
import os

import click
import pytest
from click.testing import CliRunner

from pipetask.cli.main import Command


class OurError(ValueError):
    exit_code = 2
    hint = "Try the other door."


def run(error, *arguments):
    @click.command("fails", cls=Command)
    def command():
        raise error

    return CliRunner().invoke(command, arguments)


def test_an_error_of_ours_is_one_line_with_its_hint():
    result = run(OurError("No key 'x' in the box"))
    assert result.exit_code == 2
    assert result.stderr == "Error: No key 'x' in the box. Try the other door.\n"


def test_verbose_adds_the_traceback():
    result = run(OurError("No key"), "-v")
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("Error: No key. Try the other door.\n")


def test_an_error_of_the_system_is_one_line():
    result = run(PermissionError(13, "Permission denied", "repo/butler.yaml"))
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "Error: 'repo/butler.yaml': Permission denied. Ask its owner for permission, or name another place."
    ]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EROFS, "Name a place that can be written."),
        (errno.ENOSPC, "Make room, then run the command again."),
        (errno.EMFILE, "Allow more open files (ulimit -n 1024), then run the command again."),
    ],
)
def test_an_error_of_the_system_says_what_to_do_next(number, remedy):
    result = run(OSError(number, os.strerror(number), "out.fits"))
    assert result.stderr == f"Error: 'out.fits': {os.strerror(number)}. {remedy}\n"
    assert run(OSError(number, os.strerror(number))).stderr == f"Error: {os.strerror(number)}. {remedy}\n"


def test_anything_else_is_our_bug_and_keeps_its_traceback():
    result = run(ZeroDivisionError("oops"))
    assert result.exit_code == 70
    assert "ZeroDivisionError: oops" in result.stderr
    assert "bug in pipetask" in result.stderr


def test_an_interrupt_has_its_own_exit_code():
    result = run(KeyboardInterrupt())
    assert result.exit_code == 130


@pytest.mark.parametrize("group", ["pipetask", "butler"])
def test_an_unknown_command_is_refused_with_the_way_to_list_them(group):
    from pipetask.cli import main

    result = CliRunner().invoke(getattr(main, group), ["frobnicate"])
    assert result.exit_code == 2
    assert f"To list them: {group} --help" in result.stderr


def test_a_misspelt_command_suggests_the_nearest():
    from pipetask.cli.main import butler

    result = CliRunner().invoke(butler, ["query-dataset"])
    assert "did you mean 'query-datasets'?" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("query-datasets", "--limit", "x"), ("register-skymap", "--patch-size", "0")],
)
def test_sizes_out_of_range_are_usage_errors(arguments):
    from pipetask.cli.main import butler

    result = CliRunner().invoke(butler, arguments)
    assert result.exit_code == 2
    assert "is not" in result.stderr


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_a_time_limit_that_nothing_meets_is_a_usage_error(seconds):
    from pipetask.cli.main import pipetask

    result = CliRunner().invoke(pipetask, ["run", "--timeout", seconds])
    assert result.exit_code == 2
    assert "is not" in result.stderr


def test_a_network_library_prints_no_tracebacks_beside_the_error(monkeypatch):
    monkeypatch.setattr(logging.getLogger("asyncio"), "level", logging.NOTSET)
    assert run(OurError("The store is gone")).exit_code == 2
    assert not logging.getLogger("asyncio").isEnabledFor(logging.ERROR)
