"""``butler collection-log``: what was done to a collection."""

from collections.abc import Mapping
from typing import Any

import click

from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.cli.show import format_option, show


@click.command("collection-log", cls=RepositoryCommand, short_help="Show the history of a collection.")
@repository_argument()
@click.argument("name")
@format_option()
def command(repo: str | None, name: str, format_: str) -> None:
    """Show what was done to the collection NAME, when and by whom; also if it is gone."""
    from pipetask.butler import Butler, iso_utc
    from pipetask.cli.errors import nothing_found

    with Butler.from_config(repo) as butler:
        rows = [
            (
                *(iso_utc(edit.edit_ns), edit.who, edit.action),
                _sentence(edit.detail) if format_ == "table" else edit.detail,
            )
            for edit in butler.collections.history(name)
        ]
    if not rows:
        nothing_found(f"Nothing was done to {name!r} since the repository keeps this history.")
    show(["time", "who", "action", "detail"], rows, format_)


def _sentence(detail: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name.removesuffix('_ns')}: {_text(name, value)}"
        for name, value in detail.items()
        if value not in ("", [], {})
    )


def _text(name: str, value: Any) -> str:  # what JSON holds
    from pipetask.butler import Timespan

    if name == "timespan_ns":
        return str(Timespan.from_ns(*value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        # Numbers of datasets by type; classes of tasks by label.
        return ", ".join(f"{n} {name}" if isinstance(n, int) else name for name, n in value.items())
    return str(value)
