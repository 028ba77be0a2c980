"""What a graph will take, against times that are known."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from pipetask.graph.project import CSR
from pipetask.reports.estimate import estimate, estimate_text
from pipetask.reports.text import size
from registry.provenance import TaskHistory


class Graph:
    """Quanta 0 and 1 of ``a`` go into 2 and 3 of ``b``, and these into 4 of ``c``."""

    def __init__(self):
        self.tasks = [
            SimpleNamespace(label=label, task_class_name=f"m.{label}", first=first, count=count)
            for label, first, count in (("a", 0, 2), ("b", 2, 2), ("c", 4, 1))
        ]

    def successors(self):
        return CSR(np.array([0, 1, 2, 3, 4, 4]), np.array([2, 3, 4, 4]))


def butler_with(history):
    provenance = SimpleNamespace(
        history=lambda tasks: {label: history[label] for label in tasks if label in history}
    )
    return SimpleNamespace(registry=SimpleNamespace(provenance=provenance))


KNOWN = {
    "a": TaskHistory(10, 60.0, 50.0, 2**30, 1e6),
    "b": TaskHistory(10, 600.0, 600.0, 3 * 2**30, 2e6),
    "c": TaskHistory(1, 30.0, 3.0, 2**20, 0.0),
}


def test_totals_and_the_longest_chain():
    found = estimate(Graph(), butler_with(KNOWN))
    assert found.longest_chain_s == 60 + 600 + 30
    assert found.wall_s(1) == 2 * 60 + 2 * 600 + 30
    assert found.wall_s(2) == pytest.approx(690.0)
    assert found.wall_s(100) == 690.0
    assert sum(task.cpu_s for task in found.tasks) == 2 * 50 + 2 * 600 + 3
    assert sum(task.output_bytes for task in found.tasks) == 6e6
    assert max(task.peak_memory for task in found.tasks) == 3 * 2**30


def test_tasks_that_never_ran_are_named():
    found = estimate(Graph(), butler_with({"a": KNOWN["a"]}))
    assert found.unknown == ("b", "c")
    text = estimate_text(found, [1, 4])
    assert "Nothing is known of b, c" in text
    assert re.search(r"b +2 +0 +\? +\?", text)
    assert "2 min 00 s with -j 1" in text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 MiB"),
        (384, "0.375 KiB"),
        (20 * 2**10, "20 KiB"),
        (3 * 2**20, "3 MiB"),
        (100 * 2**20, "100 MiB"),
        (20 * 2**30, "20 GiB"),
        (50 * 2**40, "50 TiB"),
    ],
)
def test_sizes_have_units(n_bytes, text):
    assert size(n_bytes) == text
