"""`pipetask cleanup` and `purge`: what goes, what stays, what is asked and refused."""

import pytest
from click.testing import CliRunner

from pipetask.butler.repository import journal_path
from pipetask.cli.main import pipetask
from pipetask.execution.journal import Journal


class Chains:
    def __init__(self, on_repo):
        self.root = on_repo.root
        self.butler = on_repo.open()

    def __call__(self, *words, exit_code=0, answer=None):
        result = CliRunner().invoke(pipetask, [words[0], "-b", str(self.root), *words[1:]], input=answer)
        assert result.exit_code == exit_code, result.output
        return result

    def names(self):
        return set(self.butler.collections.query("*"))


@pytest.fixture
def chains(on_repo):
    """Chain ``u/me`` of runs 1 and 2 and the input ``first``; run 0 was replaced, with a tag of its own."""
    chains = Chains(on_repo)
    collections = chains.butler.registry.collections
    for run in ("0", "1", "2"):
        collections.register(f"u/me/{run}")
        chains.butler.put({"run": run}, "notes", detector=0, run=f"u/me/{run}")
    collections.register("u/me/0/reused", "TAGGED")
    collections.register("u/me_else")
    collections.register("u/me", "CHAINED")
    collections.set_chain("u/me", ["u/me/2", "u/me/1", "first"])
    yield chains
    chains.butler.close()


def test_cleanup_removes_what_is_named_after_a_chain_and_not_in_it(chains):
    before = chains.names()
    shown = chains("cleanup", "u/me", answer="y\n")
    assert before - chains.names() == {"u/me/0", "u/me/0/reused"}
    assert "Removed 1 run with 1 dataset, and 1 other collection." in shown.stdout
    assert not (chains.root / "u/me/0").exists()
    assert (chains.root / "u/me/1").exists()
    chains("cleanup", "u/me", exit_code=3)


def test_purge_removes_a_chain_with_its_runs_and_keeps_its_inputs(chains):
    before = chains.names()
    chains("purge", "u/me", "--no-confirm")
    assert before - chains.names() == {"u/me", "u/me/1", "u/me/2"}
    assert chains.butler.get("notes", detector=0, collections="first") == {"d": 0}


@pytest.mark.parametrize("command", ["cleanup", "purge"])
def test_a_dry_run_shows_and_removes_nothing(chains, command):
    before = chains.names()
    shown = chains(command, "u/me", "--dry-run")
    assert ("u/me/0 " in shown.stdout) == (command == "cleanup")
    assert ("u/me/1 " in shown.stdout) == (command == "purge")
    assert chains.names() == before


@pytest.mark.parametrize("command", ["cleanup", "purge"])
def test_nothing_is_removed_without_a_yes(chains, command):
    before = chains.names()
    assert "Nothing was changed." in chains(command, "u/me", answer="n\n", exit_code=1).stderr
    assert "--no-confirm" in chains(command, "u/me", exit_code=2).stderr
    assert chains.names() == before


@pytest.mark.parametrize("command", ["cleanup", "purge"])
def test_what_another_chain_holds_is_refused_with_the_way_out(chains, command):
    chains.butler.registry.collections.register("other", "CHAINED")
    chains.butler.registry.collections.set_chain("other", ["u/me/0", "u/me/1"])
    before = chains.names()
    line = chains(command, "u/me", "--no-confirm", exit_code=2).stderr
    assert "butler collection-chain other --mode remove u/me/" in line
    assert chains.names() == before


def test_chains_in_a_chain_go_if_so_asked(chains):
    collections = chains.butler.registry.collections
    collections.register("u/me/inner", "CHAINED")
    collections.set_chain("u/me/inner", ["u/me/0"])
    collections.set_chain("u/me", ["u/me/inner", "u/me/1", "first"])
    assert "--recursive" in chains("purge", "u/me", "--no-confirm", exit_code=2).stderr
    chains("purge", "u/me", "--no-confirm", "--recursive")
    assert not {"u/me", "u/me/inner", "u/me/0", "u/me/1"} & chains.names()


def test_a_run_is_no_chain(chains):
    assert "butler remove-runs" in chains("purge", "u/me/1", exit_code=2).stderr


def test_a_run_that_is_executed_keeps_its_chain(chains):
    before = chains.names()
    with Journal(journal_path(chains.root, "u/me/1")):
        assert "being executed" in chains("purge", "u/me", "--no-confirm", exit_code=2).stderr
    assert chains.names() == before
