"""Options that say how quanta are executed: shared by `pipetask run` and `pipetask run-quanta`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import isnan
from typing import Any

import click

from pipetask.cli.coverage_options import coverage_options
from pipetask.cli.options import Decorator, FileToWrite, processes_option, stacked

_UNITS = {"": 10**6, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*([A-Za-z]*)")


class Seconds(click.FloatRange):
    """A time greater than zero; what is no number (NaN) is greater than nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Refuse NaN, which passes a check of bounds."""
        seconds: float = super().convert(value, param, ctx)
        if isnan(seconds):
            self.fail(f"{value} is no time.", param, ctx)
        return seconds


class Size(click.ParamType[int]):
    """An amount of memory: a number with a unit, MB if there is none; in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read number and unit."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        unit = _UNITS.get(found[2].upper()) if found else None
        if found is None or unit is None or not float(found[1]):
            self.fail(f"'{value}' is no amount of memory, as 3000, 3GB or 2.5GiB are.", param, ctx)
        return int(float(found[1]) * unit)


def worker_options() -> Decorator:
    """Add the options that make sense wherever quanta are executed, without a registry too."""
    return stacked(
        processes_option(),
        click.option(
            "--timeout",
            "timeout_s",
            type=Seconds(0, min_open=True),
            metavar="SECONDS",
            help="Stop a quantum that takes longer; it has failed.",
        ),
        click.option(
            "--retries",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            metavar="N",
            help="Try a failed quantum so often again, after 1, 2, 4, … seconds; not if its task raised "
            "RepeatableQuantumError.",
        ),
        click.option(
            "--max-memory",
            type=Size(),
            default=0,
            metavar="SIZE",
            help="Memory that all workers together may use. Quanta wait until there is room, by what earlier "
            "ones took; what goes over it is stopped and tried again alone.",
        ),
    )


def execution_options() -> Decorator:
    """Add the options of `ExecutionOptions` that say how a whole graph is executed."""
    return stacked(
        worker_options(),
        click.option("--fail-fast", is_flag=True, help="Begin nothing more after the first failure."),
        click.option(
            "--raise-on-partial-outputs/--no-raise-on-partial-outputs",
            default=False,
            show_default=True,
            help="Whether a task that made only a part of its outputs, and said so, has failed.",
        ),
        click.option(
            "-n",
            "--cores-per-quantum",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            metavar="N",
            help="Threads that libraries may use in each worker; tasks are told.",
        ),
        click.option(
            "--memory-per-quantum",
            type=Size(),
            default=0,
            metavar="SIZE",
            help="Memory that tasks are told they may use, as in 3GB (MB by default). Nobody enforces it.",
        ),
        click.option(
            "--cache-intermediates",
            type=Size(),
            is_flag=False,
            flag_value=-1,
            default=0,
            metavar="[SIZE]",
            help="Let a worker go on with what reads what it made, from memory: at most SIZE in each (a "
            "quarter of the memory in all). What the pipeline calls temporary is not kept.",
        ),
        click.option(
            "--enable-implicit-threading",
            "implicit_threading",
            is_flag=True,
            help="Let libraries use as many threads as they like in workers.",
        ),
        click.option(
            "--executor",
            type=click.Choice(["local", "dask"]),
            default="local",
            show_default=True,
            help="Where quanta run: processes of this machine, or the workers of a dask cluster.",
        ),
        click.option(
            "--scheduler", default="", metavar="ADDRESS", help="With dask: the cluster of this scheduler."
        ),
        click.option(
            "--dask-cluster",
            type=click.Choice(["local", "slurm", "pbs", "htcondor"]),
            help="With dask: start a cluster with -j workers for this run. [default: local]",
            callback=lambda _ctx, _param, value: value or "",
        ),
        click.option(
            "--dask-settings",
            default="",
            metavar="FILE",
            help="With dask: YAML file with keyword arguments of the class that makes the cluster.",
        ),
        click.option(
            "--pdb",
            "debugger",
            is_flag=False,
            flag_value="pdb",
            default="",
            metavar="[MODULE]",
            help="When a task raises, start this debugger (pdb, if none is named) where it did.",
        ),
        click.option(
            "--profile",
            type=FileToWrite(),
            metavar="FILE",
            help="Write cProfile statistics of this process to FILE; with -j 1.",
        ),
        coverage_options(),
        click.option("--no-progress", is_flag=True, help="Show no progress."),
    )


@contextmanager
def profiled(file: str | None, *, is_here: bool) -> Iterator[None]:
    """Measure what happens inside with `cProfile`, if a file is named."""
    if not file:
        yield
        return
    if not is_here:
        raise click.UsageError(
            "--profile measures this process only: leave out -j, --timeout, --max-memory and --executor dask."
        )
    from cProfile import Profile

    profile = Profile()
    try:
        with profile:
            yield
    finally:
        profile.dump_stats(file)
