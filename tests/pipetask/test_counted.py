"""Numbers of things in words."""

import pytest

from pipetask.counted import counted


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [
        (0, "run", "0 runs"),
        (1, "quantum", "1 quantum"),
        (2, "quantum", "2 quanta"),
        (1200, "dataset", "1,200 datasets"),
    ],
)
def test_the_noun_agrees_with_the_number(n, noun, text):
    assert counted(n, noun) == text
