"""Progress: bars of building, then of running, on a terminal; elsewhere lines."""

from collections import Counter
from types import SimpleNamespace

from pipetask.cli.progress import Lines, Shown, line, ran, shown_progress
from pipetask.execution.report import Status
from pipetask.execution.summary import Tally


def test_nothing_is_shown_where_that_is_asked_for():
    with shown_progress(on_terminal=True, enabled=False) as bars:
        assert bars == Shown(None, None)


def test_building_and_then_running_move_bars(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with shown_progress(on_terminal=True) as bars:
        bars.building("joining what there is", 1, 4)
        shown_building = _refreshed(capfd)
        bars.running(SimpleNamespace(totals={"isr": 7}, counts={"isr": Counter(succeeded=3)}))
        shown_running = _refreshed(capfd)
    assert "joining what there is" in shown_building
    assert "1/4" in shown_building
    assert "isr" in shown_running
    assert "3/7" in shown_running


def _refreshed(capfd):
    """What is on the terminal after the bars were drawn again, which happens ten times per second."""
    import time

    time.sleep(0.3)
    return capfd.readouterr().err


def test_without_a_terminal_a_line_comes_now_and_then(capsys):
    tally = Tally({"isr": 10})
    show = Lines(every_s=0.0)
    tally.add("isr", Status.SUCCEEDED, 3)
    tally.add("isr", Status.FAILED)
    show(tally)
    assert "4 of 10 quanta (1 failed) after " in capsys.readouterr().err
    tally.add("isr", Status.LOST, 2)
    show(tally)
    assert "6 of 10 quanta (1 failed, 2 lost) after " in capsys.readouterr().err
    seldom = Lines(every_s=60.0)
    seldom(tally)
    assert capsys.readouterr().err == ""


def test_a_line_tells_rate_and_time_left_if_they_are_known():
    tally = Tally({"isr": 3000})
    tally.add("isr", Status.SUCCEEDED, 2000)
    assert line(tally, 200.0, 10.0) == "2,000 of 3,000 quanta after 3 min 20 s, 10/s, 1 min 40 s left"
    assert line(tally, 2.0, 0.0) == "2,000 of 3,000 quanta after 2 s"
    assert line(tally, 20.0, 0.05).endswith(" after 20 s, 3/min, 5 h 33 min left")


def test_quanta_that_were_never_begun_have_no_speed():
    counts = Counter({Status.SUCCEEDED: 3, Status.NO_WORK: 2, Status.FAILED: 1, Status.BLOCKED: 1000})
    assert ran(counts) == 6
