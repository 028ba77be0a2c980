"""Options of `pipetask` that say where inputs are searched and outputs go: what they do to collections."""

import re

import pytest

from pipetask.butler.repository import journal_path
from pipetask.execution.journal import Journal
from pipetask.graph.quantum_graph import QuantumGraph

NEW = "--register-dataset-types"


def run_of(result):
    """Name of the run that a command wrote to."""
    return result.stdout.split()[1].rstrip(":")


@pytest.fixture
def chain(commands):
    """A chain ``out`` of one run, which comes from ``numbers``; and a function that lists its children."""
    commands.first = run_of(commands("run", "-i", "numbers", "-o", "out", NEW))
    commands.children = lambda: list(commands.repo.butler.collections.get_info("out").children)
    assert commands.children() == [commands.first, "numbers"]
    return commands


def exists(commands, name):
    return name in commands.repo.butler.collections.query("*")


def test_each_execution_adds_a_run_to_the_front_of_the_chain(chain):
    second = run_of(chain("run", "-o", "out"))
    assert chain.children() == [second, chain.first, "numbers"]


def test_inputs_that_a_chain_has_side_by_side_may_be_named(chain):
    chain("run", "-o", "out", "-i", "numbers")
    chain("run", "-o", "out", "-i", f"{chain.first},numbers")
    assert chain.children()[-2:] == [chain.first, "numbers"]


def test_other_inputs_than_the_chain_has_are_refused_with_the_ways_out(chain):
    chain.repo.butler.collections.register("other")
    line = chain.error("run", "-o", "out", "-i", "other")
    assert line.startswith("Error: Collection 'out' exists with the inputs numbers, not other.")
    assert "--rebase" in line


def test_rebase_puts_other_inputs_behind_the_runs_of_the_chain(chain):
    chain.repo.butler.collections.register("more")
    second = run_of(chain("run", "-o", "out", "-i", "more,numbers", "--rebase"))
    assert chain.children() == [second, chain.first, "more", "numbers"]


def test_rebase_of_a_chain_with_a_run_of_another_name_is_refused(chain):
    line = chain.error("run", "-o", "out", "-i", "numbers", "--rebase", "--output-run", "lone")
    assert "'lone'" in line
    assert "Name it 'out/…'" in line


def test_a_replaced_run_leaves_the_chain_and_stays_in_the_repository(chain):
    second = run_of(chain("run", "-o", "out", "--replace-run"))
    assert chain.children() == [second, "numbers"]
    assert chain.repo.butler.get("total", instrument="Cam", collections=chain.first)


@pytest.mark.parametrize("prune", ["purge", "unstore"])
def test_a_run_that_is_being_executed_is_not_deleted_and_nothing_changes(chain, prune):
    before = chain.repo.butler.collections.query("*")
    with Journal(journal_path(chain.repo.root, chain.first)):  # as its process has it
        line = chain.error("run", "-o", "out", "--replace-run", "--prune-replaced", prune)
    assert f"Run '{chain.first}', which is to be replaced, is being executed." in line
    assert chain.repo.butler.collections.query("*") == before
    assert chain.children() == [chain.first, "numbers"]
    assert chain.repo.butler.get("total", instrument="Cam", collections=chain.first)


def test_a_run_that_replaced_one_says_how_to_go_on_without_replacing_it(chain):
    failed = chain("run", "-o", "out", "--replace-run", "-c", "double:fail_on=[1]", exit_code=1)
    assert f"  pipetask run -p {run_of(failed)} -o out --extend-run" in failed.stdout


def test_what_a_replaced_run_holds_is_no_input(chain):
    shown = chain("qgraph", "-o", "out", "--replace-run").stdout
    assert re.search(r"^inputs from numbers$", shown, re.MULTILINE)
    assert re.search(
        rf"^inputs from {chain.first}, numbers$", chain("qgraph", "-o", "out").stdout, re.MULTILINE
    )


def test_building_a_graph_replaces_nothing_and_running_it_does(chain, tmp_path):
    chain("qgraph", "-o", "out", "--replace-run", "--prune-replaced", "purge", "-q", tmp_path / "x.qg")
    assert chain.children() == [chain.first, "numbers"]
    second = run_of(chain("run", "-g", tmp_path / "x.qg"))
    assert chain.children() == [second, "numbers"]
    assert not exists(chain, chain.first)


def test_a_replaced_run_can_lose_its_files_only(chain):
    chain("run", "-o", "out", "--replace-run", "--prune-replaced", "unstore")
    ref = chain.repo.butler.find_dataset("total", instrument="Cam", collections=chain.first)
    assert ref is not None
    assert not chain.repo.butler.exists(ref)


def test_a_replaced_run_can_be_purged(chain):
    chain("run", "-o", "out", "--replace-run", "--prune-replaced", "purge")
    assert not exists(chain, chain.first)


def test_a_graph_that_replaces_a_run_can_be_run_part_by_part(chain, tmp_path):
    path = tmp_path / "x.qg"
    chain("qgraph", "-o", "out", "--replace-run", "--prune-replaced", "purge", "-q", path)
    graph = QuantumGraph.load(path)
    for label in ("double", "add_one"):
        chain("run", "-g", path, "--qgraph-node-id", ",".join(str(q.id) for q in graph.quanta(label)))
    assert chain.children() == [graph.header.output_run, "numbers"]
    assert not exists(chain, chain.first)


def test_a_run_that_another_chain_searches_is_not_purged(chain):
    chain.repo.butler.collections.register("keep", "CHAINED")
    chain.repo.butler.collections.redefine_chain("keep", [chain.first])
    line = chain.error("run", "-o", "out", "--replace-run", "--prune-replaced", "purge")
    assert f"can't delete run '{chain.first}': keep searches it too" in line
    assert chain.children() == [chain.first, "numbers"]


def test_results_in_a_run_that_is_deleted_are_no_reason_to_skip(chain):
    options = ("--replace-run", "--prune-replaced", "unstore", "--skip-existing-in", chain.first)
    assert "Leave one of the two out" in chain.error("run", "-o", "out", *options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "out", "--replace-run", "--extend-run"), "Choose one."),
        (("-o", "out", "--prune-replaced", "purge"), "Add --replace-run"),
        (("-i", "numbers", "-o", "new", "--replace-run"), "finds no run of 'new'"),
        (("-i", "numbers", "--output-run", "x", "--replace-run"), "Name the chain (-o)."),
        (("-i", "numbers", "-o", "new", "--extend-run"), "finds no run of 'new' to extend"),
        (("-i", "numbers", "--output-run", "new", "--extend-run"), "finds no run 'new' to extend"),
        (("-o", "numbers"), "'numbers' is a RUN collection; -o names a CHAINED one"),
        (("-i", "numbers", "-o", "a//b"), "cannot name a collection"),
        (("-i", "numbers", "--output-run", "a*"), "cannot name a collection"),
    ],
)
def test_options_that_make_no_sense_together_say_what_does(chain, options, message):
    assert message in chain.error("run", *options)


def test_a_run_of_a_given_name_goes_into_the_chain(chain):
    chain("run", "-o", "out", "--output-run", "out/second")
    assert chain.children() == ["out/second", chain.first, "numbers"]
    line = chain.error("run", "-o", "out", "--output-run", "out/second")
    assert line.startswith("Error: Run 'out/second' exists already. Add --extend-run")
