"""What the options of `pipetask run` mean for the execution of a graph."""

from dataclasses import fields

import click
import pytest

from pipetask.cli.execution_options import execution_options
from pipetask.execution.options import ExecutionOptions


@pytest.fixture
def read():
    """Read options as `pipetask run` does."""

    def read(words):
        @click.command()
        @execution_options()
        def command(**options):
            known = {field.name for field in fields(ExecutionOptions)}
            return ExecutionOptions(**{name: value for name, value in options.items() if name in known})

        return command.main(words, standalone_mode=False)

    return read


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], {"fail_fast": False, "threads": 1, "raise_on_partial_outputs": False, "needs_workers": False}),
        (["--fail-fast"], {"fail_fast": True}),
        (["-j", "3"], {"processes": 3, "needs_workers": True}),
        (["-n", "4"], {"cores_per_quantum": 4, "threads": 4}),
        (["--enable-implicit-threading", "-n", "4"], {"threads": 0}),
        (["--raise-on-partial-outputs"], {"raise_on_partial_outputs": True}),
        (["--no-raise-on-partial-outputs"], {"raise_on_partial_outputs": False}),
        (["--memory-per-quantum", "2GiB"], {"memory_per_quantum": 2**31, "needs_workers": False}),
        (["--max-memory", "3000"], {"max_memory": 3 * 10**9, "needs_workers": True}),
        (["--executor", "dask", "--scheduler", "tcp://host:1"], {"scheduler": "tcp://host:1"}),
        (
            ["--executor", "dask", "--dask-cluster", "slurm", "--dask-settings", "site.yaml"],
            {"dask_cluster": "slurm", "dask_settings": "site.yaml"},
        ),
    ],
)
def test_options_of_a_run_say_how_it_is_executed(read, words, meant):
    how = read(words)
    assert {name: getattr(how, name) for name in meant} == meant
