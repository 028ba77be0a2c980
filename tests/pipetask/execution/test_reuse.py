"""Results of earlier runs are taken where code, configuration and inputs are as they were, and nowhere else."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler, DatasetRef, DatasetType, Timespan
from pipetask.cli.main import pipetask

PIPELINE = """
description: three tasks in a row
tasks:
  double: {{class: {0}.DoubleTask}}
  add_one: {{class: {0}.AddOneTask}}
  total: {{class: {0}.TotalTask}}
"""
SHIFT = """

class ShiftConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    number = dict_connection(connectionTypes.Input, "number")
    offset = dict_connection(connectionTypes.PrerequisiteInput, "offset", isCalibration=True)
    shifted = dict_connection(connectionTypes.Output, "shifted")


class ShiftConfig(PipelineTaskConfig, pipelineConnections=ShiftConnections):
    pass


class ShiftTask(PipelineTask):
    ConfigClass = ShiftConfig
    _DefaultName = "shift"

    def run(self, number, offset):
        return Struct(shifted={"n": number["n"] + offset["n"]})
"""


class Numbers:
    """A repository with number 10 + i for detector i, the tasks in a module of their own, and commands."""

    def __init__(self, root, tasks, **database):
        self.root = root
        self.tasks = tasks
        self.pipeline = root.parent / "numbers.yaml"
        self.pipeline.write_text(PIPELINE.format(tasks.stem))
        self.butler = Butler.makeRepo(root, **database)
        insert = self.butler.registry.insert_dimension_records
        insert("instrument", [{"name": "Cam", "detector_max": 10}])
        insert("detector", [{"instrument": "Cam", "id": i, "full_name": f"d{i}"} for i in range(5)])
        for i in range(3):
            self.put("number", 10 + i, i, "numbers")

    def put(self, name, n, detector, run, **attributes):
        universe = self.butler.dimensions
        kind = DatasetType(name, ["detector"], "StructuredDataDict", universe=universe, **attributes)
        self.butler.register_dataset_type(kind)
        self.butler.registry.collections.register(run)
        return self.butler.put({"n": n}, DatasetRef(kind, {"instrument": "Cam", "detector": detector}, run))

    def __call__(self, command, *options, exit_code=0):
        source = [] if "-g" in options else ["-p", str(self.pipeline)]
        words = [command, *source, *map(str, options)]
        result = CliRunner().invoke(pipetask, words, env={"BUTLER_REPO": str(self.root)})
        assert result.exit_code == exit_code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    def run(self, *options):
        """Run on the inputs, into ``out``; return what was shown."""
        inputs = () if self.has_output() else ("-i", "numbers")
        return self("run", *inputs, "-o", "out", "--register-dataset-types", *options).stdout

    def has_output(self):
        return "out" in self.butler.registry.collections.query("*")

    def plan(self, *options):
        """Return state and causes of each quantum of a plan that reuses what ``out`` holds."""
        found = json.loads(
            self("qgraph", "-o", "out", "--reuse", "out", "--plan", "--format", "json", *options).stdout
        )
        return {
            (each["task"], each["data_id"].get("detector")): (
                each["state"],
                [(cause["kind"], cause["text"]) for cause in each["causes"]],
            )
            for each in found
        }

    def edit(self, old, new):
        text = self.tasks.read_text()
        assert old in text
        self.tasks.write_text(text.replace(old, new))

    def total(self):
        return self.butler.get("total", instrument="Cam", collections="out")


@pytest.fixture
def make_numbers(tmp_path, monkeypatch):
    """Makes the repository; its task module is forgotten afterwards."""
    module = f"tasks_of_{tmp_path.name}".replace("-", "_").replace("[", "_").replace("]", "_")
    folder = tmp_path / "code"
    folder.mkdir()
    tasks = folder / f"{module}.py"
    shutil.copy(Path(__file__).with_name("execution_tasks.py"), tasks)
    tasks.write_text(tasks.read_text() + SHIFT)
    monkeypatch.syspath_prepend(folder)
    made = []

    def make(**database):
        made.append(Numbers(tmp_path / "repo", tasks, **database))
        return made[-1]

    yield make
    for repo in made:
        repo.butler.close()
    sys.modules.pop(module, None)


@pytest.fixture
def numbers(make_numbers):
    return make_numbers()


@pytest.fixture
def numbers_on_each(make_numbers, backend, request):
    """The same on each kind of database."""
    return make_numbers(
        **({} if backend == "sqlite" else {"registry_db": request.getfixturevalue("postgresql_url")})
    )


ALL = [(label, i) for label in ("double", "add_one") for i in range(3)] + [("total", None)]


def states(plan):
    return {key: state for key, (state, _) in plan.items()}


def test_nothing_changed_so_nothing_runs_and_the_chain_holds_everything(numbers_on_each):
    numbers = numbers_on_each
    numbers.run()
    assert numbers.plan() == {key: ("reused", []) for key in ALL}
    shown = numbers.run("--reuse", "out")
    assert "0 quanta" in shown
    assert "Taken from earlier runs: 3 of double, 3 of add_one, 1 of total." in shown
    chain = numbers.butler.registry.collections.get_info("out").children
    second, tagged, first, *inputs = chain
    assert tagged == f"{second}/reused"
    assert inputs == ["numbers"]
    for name, n in (("doubled", 3), ("plus_one", 3), ("total", 1), ("double_log", 3), ("add_one_config", 1)):
        refs = numbers.butler.query_datasets(name, tagged)
        assert len(refs) == n
        assert {ref.run for ref in refs} == {first}


def test_a_changed_field_is_named_with_both_values_and_what_follows_is_upstream(numbers):
    numbers.run()
    plan = numbers.plan("-c", "double:unit=e")
    assert plan["double", 0] == ("invalid", [("config", "unit 'adu' → 'e'")])
    assert plan["add_one", 0] == (
        "invalid",
        [
            ("upstream", "init-input 'double_schema' is not known to be the same"),
            ("upstream", "1 'doubled' will be made anew"),
        ],
    )
    assert plan["total", None] == ("invalid", [("upstream", "3 'plus_one' will be made anew")])


def test_a_change_of_formatting_or_comments_changes_no_plan_and_one_of_the_code_does(numbers):
    numbers.run()
    numbers.edit("    def run(self, doubled):\n", "    def run(self,  doubled):  # one more\n")
    assert set(states(numbers.plan()).values()) == {"reused"}
    numbers.edit('doubled["n"] + 1', 'doubled["n"] + 2')
    assert {kind for _, causes in numbers.plan().values() for kind, _ in causes} == {"code", "upstream"}


def test_new_data_run_and_the_rest_is_taken(numbers_on_each):
    numbers = numbers_on_each
    numbers.run()
    numbers.put("number", 13, 3, "numbers")
    plan = numbers.plan()
    assert states(plan) == {
        **dict.fromkeys(ALL, "reused"),
        ("double", 3): "new",
        ("add_one", 3): "new",
        ("total", None): "invalid",
    }
    assert plan["total", None][1] == [("upstream", "1 'plus_one' will be made anew")]
    assert "3 quanta (3 succeeded)" in numbers.run("--reuse", "out")
    assert numbers.total() == {"n": 2 * (10 + 11 + 12 + 13) + 4, "count": 4}


def test_an_input_that_another_one_masks_is_a_cause(numbers):
    numbers.run()
    numbers.put("number", 20, 1, "newer")
    numbers.butler.registry.collections.set_chain(
        "out", ["newer", *numbers.butler.registry.collections.get_info("out").children]
    )
    plan = numbers.plan()
    assert plan["double", 1] == ("invalid", [("input", "1 'number' replaced")])
    assert plan["double", 0] == ("reused", [])
    assert plan["add_one", 1] == ("invalid", [("upstream", "1 'doubled' will be made anew")])


def test_another_calibration_is_a_cause(numbers_on_each):
    numbers = numbers_on_each
    numbers.pipeline.write_text(
        f"description: d\ntasks:\n  shift: {{class: {numbers.tasks.stem}.ShiftTask}}\n"
    )
    collections = numbers.butler.registry.collections
    refs = [numbers.put("offset", i, i, "offsets", isCalibration=True) for i in range(3)]
    collections.register("calib", "CALIBRATION")
    collections.certify("calib", refs, Timespan(None, None))
    numbers("run", "-i", "numbers,calib", "-o", "out", "--register-dataset-types")
    assert set(states(numbers.plan()).values()) == {"reused"}
    collections.decertify("calib", "offset", Timespan(None, None), data_ids=[refs[2].dataId])
    collections.certify(
        "calib", [numbers.put("offset", 7, 2, "better", isCalibration=True)], Timespan(None, None)
    )
    plan = numbers.plan()
    assert plan["shift", 2] == ("invalid", [("calibration", "1 'offset' replaced")])
    assert plan["shift", 0] == ("reused", [])


def test_results_that_were_deleted_are_made_again(numbers):
    numbers.run()
    (ref,) = numbers.butler.query_datasets("doubled", "out", where="instrument='Cam' AND detector=1")
    numbers.butler.pruneDatasets([ref], disassociate=False, unstore=True)
    plan = numbers.plan()
    assert plan["double", 1] == ("invalid", [("output", "1 of 3 datasets that it made is gone")])
    assert plan["add_one", 1] == ("invalid", [("upstream", "1 'doubled' will be made anew")])


def test_going_back_to_a_configuration_takes_its_results_not_the_newest(numbers_on_each):
    numbers = numbers_on_each
    numbers.run()
    total = numbers.total()
    numbers.run("-c", "add_one:connections.plus_one=plus_one", "-c", "double:unit=e")
    first = numbers.butler.registry.collections.get_info("out").children[1]
    assert {state for state, _ in numbers.plan().values()} == {"reused"}
    numbers.run("--reuse", "out")
    (ref, *_) = numbers.butler.query_datasets("plus_one", "out")
    assert ref.run == first
    assert numbers.butler.get(ref)["unit"] == "adu"
    assert numbers.total() == total


def test_a_quantum_without_work_is_not_tried_again(numbers):
    numbers.run("-c", "double:no_work_on=[1]")
    plan = numbers.plan("-c", "double:no_work_on=[1]")
    assert states(plan) == dict.fromkeys([key for key in ALL if key != ("add_one", 1)], "reused")


def test_a_part_of_the_outputs_is_not_taken_for_all(numbers):
    numbers.run("-c", "double:partial_on=[1]")
    plan = numbers.plan("-c", "double:partial_on=[1]")
    assert plan["double", 1] == ("new", [])
    assert plan["double", 0] == ("reused", [])


def test_a_failed_quantum_is_new(numbers):
    numbers(
        "run",
        "-i",
        "numbers",
        "-o",
        "out",
        "--register-dataset-types",
        "-c",
        "double:fail_on=[1]",
        exit_code=1,
    )
    plan = numbers.plan("-c", "double:fail_on=[1]")
    assert plan["double", 1] == ("new", [])
    assert plan["double", 0] == ("reused", [])


def test_a_saved_graph_keeps_what_it_takes(numbers, tmp_path):
    numbers.run()
    numbers.put("number", 13, 3, "numbers")
    numbers("qgraph", "-o", "out", "--reuse", "out", "-q", tmp_path / "g.qg")
    assert (
        "Taken from earlier runs: 3 of double, 3 of add_one."
        in numbers("run", "-g", tmp_path / "g.qg").stdout
    )
    assert numbers.total()["count"] == 4


def test_a_run_that_is_extended_does_not_repeat_what_it_took(numbers):
    numbers.run()
    numbers.put("number", 13, 3, "numbers")
    numbers.run("--reuse", "out", "-d", "instrument = 'Cam' AND detector = 0")
    numbers.put("number", 14, 4, "numbers")
    shown = numbers.run(
        "--extend-run", "-d", "instrument = 'Cam' AND detector IN (0, 4)", "--select-tasks", "double"
    )
    assert "1 quantum (1 succeeded)" in shown


def test_the_text_counts_and_gives_an_example_of_each_cause(numbers):
    numbers.run()
    shown = numbers("qgraph", "-o", "out", "--reuse", "out", "--plan", "-c", "double:unit=e").stdout
    lines = shown.splitlines()
    assert lines[0].split() == ["task", "new", "reused", "invalid"]
    assert lines[1].split() == ["double", "0", "0", "3"]
    assert "3  config: unit 'adu' → 'e'   (such as {instrument: 'Cam', detector: 0})" in shown


def test_without_reuse_all_is_new(numbers):
    shown = numbers("qgraph", "-i", "numbers", "-o", "out", "--plan").stdout
    assert shown.splitlines()[1].split() == ["double", "3", "0", "0"]


def test_what_is_taken_needs_a_chain_to_go_to(numbers):
    numbers.run()
    line = numbers("qgraph", "--output-run", "alone", "-i", "numbers", "--reuse", "out", exit_code=2).stderr
    assert "--reuse puts earlier results behind run 'alone' in an output chain" in line


def test_what_is_taken_must_not_be_deleted(numbers):
    numbers.run()
    line = numbers(
        "qgraph", "-o", "out", "--reuse", "out", "--replace-run", "--prune-replaced", "purge", exit_code=2
    ).stderr
    assert "which --prune-replaced deletes" in line


def test_the_nearest_of_several_earlier_quanta_is_compared(numbers):
    numbers.run()
    numbers.run("-c", "double:unit=e", "-c", "double:sleep_s=0.001")
    assert numbers.plan("-c", "double:sleep_s=0.002")["double", 0][1] == [("config", "sleep_s 0.0 → 0.002")]


def test_why_a_unit_of_work_is_not_run_again(numbers):
    numbers.run()
    shown = numbers("qgraph", "-o", "out", "--reuse", "out", "--why", "double", "detector=1").stdout
    run = numbers.butler.registry.collections.get_info("out").children[0]
    assert shown.splitlines()[0].startswith("double {instrument: 'Cam', detector: 1} is not in the graph")
    assert f"Its results are taken from run '{run}' (--reuse)." in shown


def test_a_graph_without_anything_to_run_can_be_shown(numbers):
    numbers.run()
    shown = numbers("qgraph", "-o", "out", "--reuse", "out", "--show").stdout
    assert "0 quanta:" in shown
    assert "Taken from earlier runs: 3 of double, 3 of add_one, 1 of total." in shown


def test_a_run_that_is_replaced_and_deleted_leaves_nothing_that_it_took(numbers):
    numbers.run()
    numbers.run("--reuse", "out")
    collections = numbers.butler.registry.collections
    second, tagged, first, *_ = collections.get_info("out").children
    numbers.run("--reuse", first, "--replace-run", "--prune-replaced", "purge")
    third, newer, *rest = collections.get_info("out").children
    assert (newer, rest) == (f"{third}/reused", [first, "numbers"])
    assert not {second, tagged} & set(collections.query("*"))


def test_json_stands_alone_on_standard_output(numbers, tmp_path):
    done = numbers(
        "qgraph", "-i", "numbers", "-o", "out", "--plan", "--format", "json", "-q", tmp_path / "g.qg"
    )
    assert {each["state"] for each in json.loads(done.stdout)} == {"new"}
    assert "Saved 7 quanta" in done.stderr
