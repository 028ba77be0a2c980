"""The commands and what is written about them cannot drift apart."""

from pathlib import Path

import click
import pytest

from pipetask.cli.main import butler, pipetask

ROOT = Path(__file__).parents[2]


COMMANDS = [
    pytest.param(group.get_command(click.Context(group), name), id=f"{group.name} {name}")
    for group in (pipetask, butler)
    for name in group.list_commands(click.Context(group))
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_help(command):
    assert command.help
    assert command.short_help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named_in_a_how_to_page(command):
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    assert command.name in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_reference(command):
    text = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    for option in command.params:
        assert all(name in text for name in option.opts if name.startswith("--")), option.opts


def test_generated_pages_are_what_the_code_says(generator):
    for name, page in generator.PAGES.items():
        written = (ROOT / "docs" / "reference" / name).read_text("utf-8")
        assert written == page(), "run: python docs/generate.py"
