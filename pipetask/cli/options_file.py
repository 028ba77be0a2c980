"""``-@/--options-file``: options of commands kept in a YAML file, for whoever repeats long command lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def options_file_option() -> click.Option:
    """Return the option; it is read before the others, which precede what the file says."""
    return click.Option(
        ["-@", "--options-file"],
        type=click.Path(exists=True, dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=_read,
        metavar="FILE",
        help="YAML file with values of options, by command and name of the option.",
    )


def _read(ctx: click.Context, _param: click.Parameter, path: str | None) -> None:
    if path is None:
        return
    from difflib import get_close_matches

    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(
            f"{path!r} is no YAML file of options: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(each or {}, dict) for each in content.values()):
        raise click.UsageError(f"{path!r} is no mapping of commands to their options.")
    values = content.get(ctx.info_name) or {}
    options = _by_name(ctx.command)
    defaults: dict[str, Any] = {}
    for name, value in values.items():
        option = options.get(str(name).replace("_", "-"))
        if option is None:
            near = get_close_matches(str(name), options, 1)
            suggestion = f"; did you mean {near[0]!r}?" if near else "."
            raise click.UsageError(
                f"{path!r} has {name!r} for {ctx.info_name}, which has no such option{suggestion}"
            )
        several = option.multiple and not isinstance(value, list)
        defaults[option.name or ""] = [str(value)] if several else value
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def _by_name(command: click.Command) -> dict[str, click.Option]:
    return {
        spelling.lstrip("-"): option
        for option in command.params
        if isinstance(option, click.Option)
        for spelling in option.opts
    }
