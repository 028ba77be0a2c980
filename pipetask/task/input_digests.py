"""Digests of what a quantum is given: two quanta with equal ones were given the same datasets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def dataset_digest(ids: Iterable[bytes]) -> str:
    """Digest the ids of the datasets of a connection, in any order."""
    return _digest(sorted(ids))


def artifact_digest(contents: Iterable[str]) -> str:
    """Digest what the artifacts of a dataset hold: init-inputs are made anew by each run, with equal content.

    Files that stayed where they were have no checksum; their places stand for what they hold.
    """
    return _digest(sorted(content.encode() for content in contents))


def _digest(parts: Iterable[bytes]) -> str:
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()
