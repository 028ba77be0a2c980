"""`butler lineage` on real runs: what was read and made, both ways, in every format."""

import json
from uuid import UUID

import numpy as np
import pytest
from click.testing import CliRunner

from pipetask.butler import DatasetType, new_ids
from pipetask.cli.main import butler as butler_command
from pipetask.execution.run_graph import run_graph
from pipetask.reports.lineage import trace


@pytest.fixture
def ran(numbers_repo):
    run_graph(numbers_repo.graph(), numbers_repo.butler, register_dataset_types=True)
    return numbers_repo


@pytest.fixture
def lineage(ran):
    def invoke(*words, exit_code=0):
        result = CliRunner().invoke(
            butler_command, ["lineage", *map(str, words)], env={"BUTLER_REPO": str(ran.root)}
        )
        assert result.exit_code == exit_code, result.output
        return result.output

    return invoke


def found(ran, lineage):
    return {(ref.datasetType.name, *ref.dataId.required.values()) for ref in lineage.datasets.values()}


def test_upwards_is_all_that_a_dataset_was_made_from(ran):
    (total,) = ran.butler.query_datasets("total", "out")
    up = trace(ran.butler, [total.id])
    expected = {(name, "Cam", i) for name in ("number", "doubled", "plus_one") for i in range(4)}
    assert found(ran, up) == expected | {("total", "Cam")}
    assert sorted(row.task_label for row in up.quanta.values()) == ["add_one"] * 4 + ["double"] * 4 + [
        "total"
    ]
    assert {read.connection for read in up.reads} == {"number", "doubled", "numbers"}


def test_what_was_purged_is_called_so(ran, lineage):
    doubled = ran.butler.query_datasets("doubled", "out", detector=2, instrument="Cam")
    ran.butler.pruneDatasets(doubled, disassociate=True, unstore=True, purge=True)
    shown = lineage("plus_one", "instrument=Cam", "detector=2", "--collections", "out")
    last = shown.splitlines()[-1]
    assert last.split() == ["purged", "read", "as", "doubled", str(doubled[0].id)]
    document = json.loads(lineage("total", "instrument=Cam", "--collections", "out", "--format", "json"))
    assert document["purged"] == [{"id": str(doubled[0].id), "connection": "doubled"}]
    for form in ("html", "dot"):
        assert "purged" in lineage("total", "instrument=Cam", "--collections", "out", "--format", form)


def test_downwards_is_all_that_was_made_from_a_dataset_and_no_logs(ran):
    (number,) = ran.butler.query_datasets("number", "numbers", detector=2, instrument="Cam")
    down = trace(ran.butler, [number.id], up=False)
    expected = {(name, "Cam", 2) for name in ("number", "doubled", "plus_one")} | {("total", "Cam")}
    assert found(ran, down) == expected
    assert len(down.quanta) == 3


@pytest.mark.parametrize(
    ("depth", "names"), [(1, {"total", "plus_one"}), (2, {"total", "plus_one", "doubled"})]
)
def test_depth_counts_quanta(ran, depth, names):
    (total,) = ran.butler.query_datasets("total", "out")
    assert {name for name, *_ in found(ran, trace(ran.butler, [total.id], depth=depth))} == names


def test_the_tree_tells_datasets_and_quanta(ran, lineage):
    lines = lineage("plus_one", "detector=1,instrument=Cam", "--collections", "out").splitlines()
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4, 6, 8]
    assert lines[0].startswith("plus_one {instrument: 'Cam', detector: 1} out/run ")
    assert lines[1].strip().startswith("add_one {instrument: 'Cam', detector: 1} succeeded, ")
    (number,) = ran.butler.query_datasets("number", "numbers", detector=1, instrument="Cam")
    assert lines[4].strip() == f"number {{instrument: 'Cam', detector: 1}} numbers {number.id}"


def test_what_is_reached_twice_is_unfolded_once(ran, lineage):
    (number,) = ran.butler.query_datasets("number", "numbers", detector=2, instrument="Cam")
    links = [
        (row.id, number.id, "again")
        for row in ran.butler.registry.quanta("out/run")
        if "tot" in row.task_label
    ]
    ran.butler.registry.insert_quantum_inputs(links)
    lines = [line.strip().split(" ")[0] for line in lineage(number.id, "--down").splitlines()]
    assert lines == ["number", "double", "doubled", "add_one", "plus_one", "total", "total", "total"]
    assert lineage(number.id, "--down").count("(see above)") == 1


def test_a_dataset_is_named_by_its_id(ran, lineage):
    (plus_one,) = ran.butler.query_datasets("plus_one", "out", detector=1, instrument="Cam")
    document = json.loads(lineage(plus_one.id, "--format", "json"))
    assert document["start"] == [str(plus_one.id)]
    assert [dataset["type"] for dataset in document["datasets"]] == ["plus_one", "doubled", "number"]
    assert [quantum["task_label"] for quantum in document["quanta"]] == ["add_one", "double"]
    made_by = {dataset["type"]: dataset["made_by"] for dataset in document["datasets"]}
    assert made_by["number"] is None
    assert made_by["doubled"] == document["quanta"][1]["id"]


def test_a_drawing_has_a_box_for_each_dataset_and_quantum(ran, lineage):
    dot = lineage("total", "--format", "dot")
    assert dot.count("[label=") == 13 + 9
    assert dot.count(" -> ") == (4 + 4 + 4) + 9


def test_a_click_on_the_page_lists_datasets(ran, lineage, tmp_path, in_browser):
    page = tmp_path / "lineage.html"
    page.write_text(lineage("number", "detector=3", "instrument=Cam", "--down", "--format", "html"))
    shown = in_browser(f"{page.as_uri()}#dataset/total")
    assert "What this was used for" in shown
    assert "<td>instrument=Cam</td><td>out/run</td>" in shown
    assert '<p class="note">1 of 1</p>' in shown


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (("00000000-0000-0000-0000-000000000001",), 3, "No dataset has the id 0"),
        (("plus_one", "detector"), 2, "'detector' is no part of a data ID"),
        (("plus_one",), 2, "4 datasets plus_one fit"),
        (("plus_one", "detector=77", "instrument=Cam"), 3, "detector = 77"),
    ],
)
def test_what_names_no_single_dataset_is_refused(lineage, words, exit_code, message):
    assert message in lineage(*words, exit_code=exit_code)


def test_a_dataset_that_several_runs_have_must_be_chosen(ran, lineage):
    run_graph(ran.graph("second", output=""), ran.butler)
    words = ("total", "instrument=Cam")
    assert "2 runs have total" in lineage(*words, exit_code=2)
    assert "second" in lineage(*words, "--collections", "second").splitlines()[0]
    assert "8 datasets plus_one fit, {instrument: 'Cam', detector: 0} and" in lineage("plus_one", exit_code=2)


def test_many_datasets_are_followed_in_few_queries(numbers_repo, monkeypatch):
    butler, n = numbers_repo.butler, 3000
    registry = butler.registry
    kind = DatasetType("many", ["instrument", "visit"], "StructuredDataDict", universe=butler.dimensions)
    other = DatasetType("one", ["instrument"], "StructuredDataDict", universe=butler.dimensions)
    for each in (kind, other):
        butler.register_dataset_type(each)
    registry.insert_dimension_records("physical_filter", [{"instrument": "Cam", "name": "J", "band": "J"}])
    registry.insert_dimension_records("day_obs", [{"instrument": "Cam", "id": 20260101}])
    columns = {"instrument": ["Cam"] * n, "visit": np.arange(n)}
    rows = {"name": [str(i) for i in range(n)], "physical_filter": ["J"] * n, "day_obs": [20260101] * n}
    registry.insert_dimension_records("visit", columns | rows)
    read = registry.insert_datasets(kind, "numbers", columns)
    (quantum,) = new_ids(1)
    registry.insert_quanta([(quantum.tobytes(), "numbers", "sum", "a.Sum", "{}", "succeeded")])
    (made,) = registry.insert_datasets(
        other, "numbers", {"instrument": ["Cam"]}, ids=new_ids(1), quantum_ids=quantum[None]
    )
    registry.insert_quantum_inputs((quantum.tobytes(), id.tobytes(), "many") for id in read)
    calls = []
    fetch = type(registry.provenance._db).fetch
    monkeypatch.setattr(type(registry.provenance._db), "fetch", lambda *args: calls.append(1) or fetch(*args))
    up = trace(butler, [UUID(bytes=made.tobytes())])
    assert len(up.datasets) == n + 1
    assert len(calls) < 60
