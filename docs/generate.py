"""Write docs/reference/commands.md from the commands themselves: python docs/generate.py."""

from pathlib import Path

import click

from pipetask.cli.main import CommandFolder, butler, pipetask

TARGET = Path(__file__).parent / "reference" / "commands.md"


def reference() -> str:
    """Return the text of the page: every command with its help, as a terminal of 100 columns shows it."""
    lines = [
        "# Commands",
        "",
        "Made by `python docs/generate.py`; a test keeps it in step with the commands.",
        "",
    ]
    for group in (pipetask, butler):
        for name in group.list_commands(click.Context(group)):
            lines += [f"## {group.name} {name}", "", "```", _help(group, name), "```", ""]
    return "\n".join(lines)


def _help(group: CommandFolder, name: str) -> str:
    parent = click.Context(group, info_name=group.name, terminal_width=100, max_content_width=100)
    command = group.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    return command.get_help(context)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(reference(), "utf-8")
