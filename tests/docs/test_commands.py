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


def test_code_that_pages_show_is_that_of_the_files(generator):
    pages = [path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")]
    assert any("<!-- code:" in page for page in pages)
    for page in pages:
        assert generator.with_code(page) == page, "run: python docs/generate.py"


def test_a_marker_shows_a_file_or_named_parts_of_it(generator):
    marker = "<!-- code: examples/guide/plain_task.py ApertureTaskConfig ApertureTask.__init__ -->\n"
    shown = generator.with_code(f"before\n\n{marker}```\nold\n```\nafter\n")
    assert shown.startswith(f"before\n\n{marker}```python fragment\nclass ApertureTaskConfig(Config):\n")
    assert "\n\n\ndef __init__(" in shown
    assert shown.endswith("\n```\nafter\n")
    assert "old" not in shown
    assert generator.with_code(shown) == shown
    whole = generator.with_code("<!-- code: pipelines/guide/schemas.yaml -->\n")
    assert (ROOT / "pipelines" / "guide" / "schemas.yaml").read_text("utf-8") in whole
    with pytest.raises(LookupError, match="Nothing"):
        generator.with_code("<!-- code: examples/guide/plain_task.py Nothing -->\n")
