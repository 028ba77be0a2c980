"""Progress bars: of building, then of running, on a terminal only."""

from collections import Counter
from types import SimpleNamespace

from pipetask.cli.progress import Bars, progress_bars


def test_nothing_is_shown_where_there_is_no_terminal():
    with progress_bars(enabled=False) as bars:
        assert bars == Bars(None, None)


def test_building_and_then_running_move_bars(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bars(enabled=True) as bars:
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
