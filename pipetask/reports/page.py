"""Self-contained HTML pages: templates of this package, filled."""

import json
from importlib.resources import files
from typing import Any

_TEMPLATES = files("pipetask.reports").joinpath("templates")


def page(template: str, parts: dict[str, str], content: Any) -> str:  # whatever JSON can hold
    """Return a page that needs no network and nothing beside it.

    Parameters
    ----------
    template : `str`
        Name of a template. What stands between ``@@`` in it is the name of a part, or of a file beside it.
    parts : `dict` [`str`, `str`]
        HTML by the name of its part.
    content : any
        What the page's script reads as JSON: the part ``CONTENT``.
    """
    # "<" would end the script element if a value held "</script>".
    data = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    before, *rest = _text(template).split("@@")
    known = {**parts, "CONTENT": data}
    filled = [
        piece if i % 2 else known[piece] if piece in known else _text(piece) for i, piece in enumerate(rest)
    ]
    return before + "".join(filled)


def _text(name: str) -> str:
    return _TEMPLATES.joinpath(name).read_text("utf-8")
