"""Numbers of things in words: ``1 quantum``, ``2 quanta``."""

_PLURALS = {"patch": "patches", "quantum": "quanta"}


def counted(n: int, noun: str) -> str:
    """Return a number of things, as in ``1 run`` or ``2 runs``."""
    return f"{n:,} {noun if n == 1 else _PLURALS.get(noun, noun + 's')}"
