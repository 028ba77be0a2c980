"""A run on one page that needs no network: who ran what when, what failed and why, what came out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from pipetask.execution.report import RAN, Failure, Status
from pipetask.pipeline.draw.content import in_order
from pipetask.pipeline.draw.svg import draw_svg
from pipetask.reports.page import page
from pipetask.reports.previews import preview
from pipetask.reports.rerun import rerun_command
from pipetask.reports.run_rows import Row
from pipetask.reports.text import duration, measured, size

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.execution.summary import ErrorGroup
    from pipetask.reports.run import RunReport

MOST_BARS = 20_000
"""Quanta in the timeline: the longest ones, if there are more."""
MOST_PREVIEWS = 4
"""Datasets of one type that are shown."""
MOST_TYPES = 12
"""Dataset types of which some are shown."""
MOST_MESSAGES = 200
"""Messages of one log."""
MOST_UNFOLDED = 5
"""Groups of errors of which all is seen at first."""


def run_page(butler: Butler, report: RunReport, rows: list[Row]) -> str:
    """Make the page of a run.

    Parameters
    ----------
    butler : `Butler`
        Where logs and results are read.
    report : `RunReport`
        What the run did.
    rows : `list` [ `Row` ]
        Its quanta.
    """
    flow = butler.registry.provenance.flow(report.run)
    parts = {
        "RUN": escape(report.run),
        "FACTS": _facts(report),
        "OUTCOMES": _outcomes(report),
        "TASKS": _tasks(report),
        "DRAWING": draw_svg(_drawing(report, flow), "What was made from what"),
        "ERRORS": "".join(_errors(butler, report)) or "<p>None.</p>",
        "NO_WORK": "".join(map(_no_work, report.no_work)),
        "RESULTS": "".join(_results(butler, report, flow)) or "<p>Nothing that can be shown.</p>",
    }
    return page("run.html", parts, _timeline(report, rows))


def _words(outcome: Status) -> str:
    return outcome.value.replace("_", " ")


def _facts(report: RunReport) -> str:
    cpu_s = sum(task.cpu_s for task in report.tasks)
    facts = {
        "quanta": f"{report.total():,}",
        "wall time": duration(report.wall_s),
        "processor time": duration(cpu_s),
        "largest quantum": size(max(task.peak_memory for task in report.tasks)),
        "state": "not finished" if report.is_unfinished else "ended",
    }
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())


def _outcomes(report: RunReport) -> str:
    """Return a bar whose parts are as long as there are quanta of each outcome, and its legend."""
    counts = [(outcome, report.total(outcome)) for outcome in Status]
    bar = "".join(f'<span class="{o.value}" style="flex:{n}"></span>' for o, n in counts if n)
    legend = "".join(f'<li><i class="{o.value}"></i>{n:,} {_words(o)}</li>' for o, n in counts if n)
    return f'<div class="bar">{bar}</div><ul class="legend">{legend}</ul>'


def _tasks(report: RunReport) -> str:
    shown = [o for o in Status if o is Status.SUCCEEDED or report.total(o)]
    head = ["task", *map(_words, shown), "median", "longest", "wall time", "CPU", "memory"]
    lines = ["<tr>" + "".join(f"<th>{name}</th>" for name in head) + "</tr>"]
    for task in report.tasks:
        counts = [(o, task.counts.get(o, 0)) for o in shown]
        cells = [f'<td class="{o.value if n else "none"}">{n:,}</td>' for o, n in counts]
        cells += [f"<td>{figure}</td>" for figure in measured(task)]
        lines.append(f'<tr id="task/{escape(task.label)}"><td>{escape(task.label)}</td>{"".join(cells)}</tr>')
    return "".join(lines)


def _drawing(report: RunReport, flow: list[tuple[str, str, str, int]]) -> Any:  # a `Content`
    details = {}
    for task in report.tasks:
        bad = ", ".join(
            f"{task.counts[o]:,} {_words(o)}"
            for o in Status
            if o is not Status.SUCCEEDED and task.counts.get(o)
        )
        done = task.counts.get(Status.SUCCEEDED, 0)
        details[True, task.label] = f"{done:,} of {sum(task.counts.values()):,}" + (f", {bad}" if bad else "")
    shown = [(label, name, what, n) for label, name, what, n in flow if not _is_about_quanta(label, name)]
    for _, name, what, n in sorted(shown, key=lambda item: item[2] == "made"):
        details[False, name] = f"{n:,} {what}"
    links = [
        ((False, name), (True, label)) if what == "read" else ((True, label), (False, name))
        for label, name, what, _ in shown
    ]
    return in_order(details, links)


def _is_about_quanta(label: str, name: str) -> bool:
    return name in (f"{label}_log", f"{label}_metadata")


def _timeline(report: RunReport, rows: list[Row]) -> dict[str, Any]:
    ran = [row for row in rows if row.outcome in RAN]
    begin = min((row.begin_ns for row in ran), default=0)
    shown = sorted(
        sorted(ran, key=lambda row: row.begin_ns - row.end_ns)[:MOST_BARS], key=lambda row: row.begin_ns
    )
    workers = list(dict.fromkeys((row.host, row.pid) for row in shown))
    hosts = _short({host for host, _ in workers})
    number = {worker: i for i, worker in enumerate(workers)}
    labels = [task.label for task in report.tasks]
    return {
        "left_out": len(ran) - len(shown),
        "labels": labels,
        "outcomes": [_words(outcome) for outcome in Status],
        "workers": [f"{hosts[host]} {pid}" if len(hosts) > 1 else str(pid) for host, pid in workers],
        "bars": [
            [
                number[row.host, row.pid],
                round((row.begin_ns - begin) * 1e-9, 6),
                round((row.end_ns - row.begin_ns) * 1e-9, 6),
                labels.index(row.label),
                list(Status).index(row.outcome),
                row.data_id,
                row.peak_memory,
            ]
            for row in shown
        ],
    }


def _errors(butler: Butler, report: RunReport) -> Iterator[str]:
    """Yield the groups of errors, the first ones unfolded."""
    for i, group in enumerate(report.errors):
        yield _error(butler, report, group, is_open=i < MOST_UNFOLDED)


def _short(hosts: set[str]) -> dict[str, str]:
    """Return names of hosts without their domain, if that tells them apart."""
    short = {host: host.partition(".")[0] for host in hosts}
    return short if len(set(short.values())) == len(hosts) else {host: host for host in hosts}


def _error(butler: Butler, report: RunReport, group: ErrorGroup, *, is_open: bool) -> str:
    parts = [
        f"<summary><b>{group.count:,} x {escape(group.label)}</b> {escape(group.failure.headline)}</summary>",
        f"<p>For example {escape(group.data_id)}. To run only these again:</p>",
        f'<pre class="command">{escape(rerun_command(group, report))}</pre>',
        _folded("traceback", group.failure.traceback),
        _folded("log", _log_of(butler, report.run, group)),
    ]
    return f"<details{' open' if is_open else ''}>{''.join(parts)}</details>"


def _no_work(group: ErrorGroup) -> str:
    what = f"<b>{group.count:,} x {escape(group.label)}</b>, no work: {escape(group.failure.headline)}"
    return f'<p>{what}<br><span class="note">For example {escape(group.data_id)}</span></p>'


def _folded(name: str, text: str) -> str:
    return f"<details><summary>{name}</summary><pre>{escape(text)}</pre></details>" if text else ""


def _log_of(butler: Butler, run: str, group: ErrorGroup) -> str:
    """Return the log of the example of a group of errors."""
    name = f"{group.label}_log"
    if not butler.registry.query_dataset_types(name):
        return ""
    ref = butler.find_dataset(name, json.loads(group.data_id), collections=run)
    if ref is None:  # a lost worker leaves none
        return ""
    records = list(butler.get(ref))[-MOST_MESSAGES:]
    return "\n".join(f"{record.name}: {record.message}" for record in records)


def _results(butler: Butler, report: RunReport, flow: list[tuple[str, str, str, int]]) -> Iterator[str]:
    """Yield what the run made, a few datasets of each type that can be shown."""
    made = [name for label, name, what, _ in flow if what == "made" and not _is_about_quanta(label, name)]
    n_types = 0
    for name in made:
        if n_types == MOST_TYPES:
            break
        cards = []
        for ref in butler.query_datasets(name, report.run, limit=MOST_PREVIEWS, explain=False)[
            :MOST_PREVIEWS
        ]:
            try:
                shown = preview(butler.get(ref))
            except Exception as error:  # a formatter of the user's, a file that is gone: the rest is shown
                shown = f"<p>{escape(Failure.from_exception(error).headline)}</p>"
            if not shown:
                break
            is_table = "<figure>" in shown
            data_id = ", ".join(f"{key} {value}" for key, value in ref.dataId.required.items())
            cards.append(f'<div class="card">{shown}<p class="note">{escape(data_id)}</p></div>')
            if is_table:
                break  # one says what columns there are
        if cards:
            n_types += 1
            yield f'<h3>{escape(name)}</h3><div class="cards">{"".join(cards)}</div>'
