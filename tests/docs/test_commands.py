"""The commands and what is written about them cannot drift apart."""

import importlib.util
from pathlib import Path

import click
import pytest

from pipetask.cli.main import butler, pipetask

ROOT = Path(__file__).parents[2]


def commands():
    for group in (pipetask, butler):
        for name in group.list_commands(click.Context(group)):
            yield pytest.param(group.get_command(click.Context(group), name), id=f"{group.name} {name}")


def generator():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("command", commands())
def test_every_command_and_option_has_help(command):
    assert command.help
    assert command.short_help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


@pytest.mark.parametrize("command", commands())
def test_every_command_is_named_in_a_how_to_page(command):
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    assert command.name in text


def test_the_reference_of_commands_is_what_the_commands_say():
    page = ROOT / "docs" / "reference" / "commands.md"
    assert page.read_text("utf-8") == generator().reference(), "run: python docs/generate.py"
