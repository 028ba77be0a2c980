"""Runs as plain text: a table of tasks, then the errors with one example each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipetask.counted import counted
from pipetask.execution.report import Status
from pipetask.execution.reproduce import Reproduction
from pipetask.execution.summary import RunSummary
from pipetask.reports.rerun import report_command, rerun_command, rest_command
from pipetask.reports.run import RunReport, TaskReport

AGAIN = "the same command with --extend-run, which tries again what is not done"


def summary_text(summary: RunSummary, *, next_steps: Sequence[str] = (AGAIN,), is_stored: bool = True) -> str:
    """Say how a run went that has just ended, and what to do next if anything is left.

    Parameters
    ----------
    summary : `RunSummary`
        How it went.
    next_steps : `~collections.abc.Sequence` [ `str` ], optional
        What to do if anything is left.
    is_stored : `bool`, optional
        Whether the repository knows of it, so that it can be looked at, and extended, there.
    """
    shown = _shown(summary.tasks.values())
    table = [
        [label, *(f"{counts.get(status, 0):,}" for status in shown)]
        for label, counts in summary.tasks.items()
        if any(counts.values())
    ]
    return "\n".join(
        [
            f"Run {summary.run}: {_totals(summary)}"
            + (", stopped before its end" if summary.interrupted else ""),
            *(aligned([["task", *map(_words, shown)], *table]) if table else []),
            *reused_lines(summary.reused),
            *_no_work_lines(summary),
            *_error_lines(summary, is_stored=is_stored),
            *_next_steps(summary, [*[report_command(summary)] * is_stored, *next_steps], is_stored),
        ]
    )


def reused_lines(reused: Mapping[str, int]) -> list[str]:
    """Say how many quanta did not run, since earlier results hold; nothing if there are none."""
    if not reused:
        return []
    counts = ", ".join(f"{n:,} of {label}" for label, n in reused.items())
    return [f"Taken from earlier runs: {counts}."]


def report_text(report: RunReport, *, next_steps: Sequence[str] = ()) -> str:
    """Say what a run did, and what to do next if anything is left: by default, the command that goes on."""
    shown = _shown(task.counts for task in report.tasks)
    head = ["task", *map(_words, shown), "median", "longest", "total", "CPU", "memory"]
    table = [
        [
            task.label,
            *(f"{task.counts.get(status, 0):,}" for status in shown),
            *measured(task),
        ]
        for task in report.tasks
    ]
    return "\n".join(
        [
            f"Run {report.run}: {_totals(report)}" + (", not finished" if report.is_unfinished else ""),
            *aligned([head, *table]),
            *_no_work_lines(report),
            *_error_lines(report, is_stored=True),
            *_next_steps(report, next_steps or [rest_command(report)], is_stored=True),
        ]
    )


def measured(task: TaskReport) -> list[str]:
    """Return median, longest and total time, processor time and memory of a task, as texts."""
    if not task.total_s:
        return [""] * 5  # none of it was begun
    times = task.median_s, task.longest_s, task.total_s, task.cpu_s
    return [*map(duration, times), size(task.peak_memory)]


def reproduction_text(found: Reproduction) -> str:
    """Say whether a dataset that was made again is what it was."""
    ref = found.original
    name = f"{ref.datasetType.name} {ref.dataId} in {ref.run}"
    if found.difference:
        lines = [f"{name}, made again, differs: {found.difference}."]
    else:
        how = "byte by byte" if found.is_bytewise else "its content, though not its file"
        lines = [f"{name}, made again, is the same: {how}."]
    if found.changes:
        lines += ["Not as it was then:", *(f"  {change}" for change in found.changes)]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Write a duration with three digits or so, in the unit that suits it."""
    if seconds < 1.0:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 100.0:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def size(n_bytes: float) -> str:
    """Write an amount of bytes in MiB, KiB below 1, GiB from 10 on, TiB from 10 on."""
    value, unit = n_bytes / 2**20, "MiB"
    if 0 < value < 1:
        return f"{n_bytes / 1024:.3g} KiB"
    for larger in ("GiB", "TiB"):
        if value < 10240:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if value >= 10 or not value else f"{value:.2g} {unit}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _words(outcome: Status) -> str:
    return outcome.value.replace("_", " ")


def _shown(counts: Iterable[Mapping[Status, int]]) -> list[Status]:
    """Return the outcomes that occur; success, the first, is always shown."""
    found = {kind for counter in counts for kind, n in counter.items() if n} | {Status.SUCCEEDED}
    return [status for status in Status if status in found]


def _totals(run: RunSummary | RunReport) -> str:
    counts = [(run.total(status), _words(status)) for status in Status]
    parts = ", ".join(f"{n:,} {word}" for n, word in counts if n)
    took = f" in {duration(run.wall_s)}" if run.wall_s else ""  # nothing was run here, only counted
    return counted(run.total(), "quantum") + (f" ({parts})" if parts else "") + took


def _no_work_lines(run: RunSummary | RunReport) -> list[str]:
    lines = []
    for group in run.no_work:
        lines.append(f"{group.count:,} x {group.label}: {group.failure.headline}")
        lines.append(f"    for example {group.data_id}")
    return ["", "No work:", *lines] if lines else []


def _error_lines(run: RunSummary | RunReport, *, is_stored: bool) -> list[str]:
    lines = []
    for group in run.errors:
        lines.append(f"{group.count:,} x {group.label}: {group.failure.headline}")
        lines.append(f"    for example {group.data_id}")
        if is_stored:
            lines.append(f"    again: {rerun_command(group, run)}")
    return ["", "Errors:", *lines] if lines else []


def _next_steps(run: RunSummary | RunReport, commands: Sequence[str], is_stored: bool) -> list[str]:
    """Say how to learn more, and how to try again what is not done."""
    if not run.exit_code:
        return []
    steps = [*commands]
    # A lost worker leaves no log, and no traceback either.
    for group in [group for group in run.errors if group.failure.traceback and is_stored][:1]:
        steps.append(f"butler.get('{group.label}_log', {group.data_id}, collections='{run.run}')")
    return ["", "Next:", *(f"  {step}" for step in steps)]
