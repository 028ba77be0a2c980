"""Reading the file of a user's universe: where in it each fault is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from registry.dimensions.reference_form import from_reference_form, is_reference_form
from registry.dimensions.validation import Fault, faults
from registry.errors import InvalidUniverseError


def read_definition(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the definition in a file, or raise `InvalidUniverseError` with a line for each fault."""
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
        definition = yaml.safe_load(text)
    except yaml.MarkedYAMLError as err:
        where = f", line {err.problem_mark.line + 1}" if err.problem_mark else ""
        raise InvalidUniverseError(f"{str(path)!r}{where} is no valid YAML: {err.problem}.") from err
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        reason = " ".join(str(err).split())
        raise InvalidUniverseError(f"{str(path)!r} cannot be read as a dimension universe: {reason}") from err
    if is_reference_form(definition):
        definition = from_reference_form(definition)
    found = faults(definition) if isinstance(definition, dict) else [Fault("", "It is no mapping.")]
    if found:
        lines = _lines(text)
        found.sort(key=lambda fault: lines.get(fault.place, 1))
        shown = "".join(f"\n  line {lines.get(place, 1)}: {sentence}" for place, sentence in found)
        raise InvalidUniverseError(f"{str(path)!r} defines no dimension universe:{shown}")
    return dict(definition)


def _lines(text: str) -> dict[str, int]:
    """Return the lines at which the keys of a file, and the elements that it defines, are."""
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines: dict[str, int] = {}
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        lines.setdefault(str(key.value), key.start_mark.line + 1)
        if key.value == "elements" and isinstance(value, yaml.MappingNode):
            lines |= {str(name.value): name.start_mark.line + 1 for name, _ in value.value}
    return lines
