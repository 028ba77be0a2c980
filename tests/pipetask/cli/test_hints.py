"""Messages name only commands that exist."""

import re
from pathlib import Path

import click

from pipetask.cli.main import butler, pipetask

ROOT = Path(__file__).parents[3]
COMMAND = re.compile(r"\b(butler|pipetask) ([a-z]+(?:-[a-z]+)+)")


def test_commands_in_messages_exist():
    known = {
        (group.name, name)
        for group in (butler, pipetask)
        for name in group.list_commands(click.Context(group))
    }
    named = {
        (match[1], match[2]): str(path)
        for package in ("registry", "datastore", "pipetask")
        for path in (ROOT / package).rglob("*.py")
        for match in COMMAND.finditer(path.read_text("utf-8"))
    }
    assert {command: where for command, where in named.items() if command not in known} == {}
    assert len(named) > 5
