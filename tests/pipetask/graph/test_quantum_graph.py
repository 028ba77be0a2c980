"""QuantumGraph: objects on access, order, neighbours, subsets, artifacts of inputs; and the same from a file."""

import json
import random
import subprocess
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from pipetask.butler import ArtifactRecord
from pipetask.errors import GraphFileError, UnknownQuantumError
from pipetask.graph.archive import ALIGNMENT
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.graph_file import VERSION
from pipetask.graph.quantum_graph import QuantumGraph

SENSOR, VISIT, PATCH = ("exposure", "detector"), ("visit", "detector"), ("tract", "patch", "band")
WARP = ("visit", "tract", "patch")


def located(repository):
    """Give each raw a file of its own."""
    found = repository.registry.find_dataset_columns("raw", ["raws"])
    repository.registry.insert_locations(
        (row.tobytes(), "", "file", f"raw/{i}.fits", -1, 1000 + i, "ab", "sha256", "fits", "Exposure")
        for i, row in enumerate(found.ids)
    )
    return {row.tobytes(): f"raw/{i}.fits" for i, row in enumerate(found.ids)}


@pytest.fixture
def pipeline(sky, task):
    """From raws to coadds, with init-datasets, a component and a storage class of its own."""
    return sky.pipeline(
        isr=task(SENSOR, raw=("in", "raw", SENSOR), post=("out", "post", SENSOR), schema=("init_out", "schema", ())),
        calibrate=task(
            VISIT, schema=("init_in", "schema", ()), posts=("in", "post", SENSOR, {"multiple": True}),
            calexp=("out", "calexp", VISIT, {"storageClass": "ExposureF"}),
        ),
        warp=task(
            WARP, calexps=("in", "calexp", VISIT, {"multiple": True, "storageClass": "ExposureF"}),
            masks=("in", "calexp.mask", VISIT, {"multiple": True, "storageClass": "Mask"}), warp=("out", "warp", WARP),
        ),
        coadd=task(PATCH, warps=("in", "warp", WARP, {"multiple": True}), coadd=("out", "coadd", PATCH)),
    )  # fmt: skip


@pytest.fixture
def paths(sky):
    return located(sky)


@pytest.fixture
def built(sky, pipeline, paths):
    return QuantumGraphBuilder(
        pipeline,
        sky.butler,
        input_collections=["raws"],
        output_run="u/run",
        output="u",
        where="instrument = 'Cam'",
    ).build()


@pytest.fixture(params=["built", "loaded"])
def graph(request, built, tmp_path):
    if request.param == "built":
        return built
    built.save(tmp_path / "graph.qg")
    return QuantumGraph.load(tmp_path / "graph.qg")


def all_quanta(graph):
    return [graph.quantum(i) for i in range(graph.n_quanta)]


def test_a_loaded_graph_is_the_one_that_was_saved(built, graph):
    assert all_quanta(graph) == all_quanta(built)
    assert graph.header == built.header
    assert graph.init_outputs == built.init_outputs
    assert graph.config_refs == built.config_refs
    assert graph.packages_ref == built.packages_ref
    assert graph.funnel.explain() == built.funnel.explain()
    assert [graph.input_records(i) for i in range(len(graph))] == [
        built.input_records(i) for i in range(len(built))
    ]


def test_quanta_are_in_the_order_of_tasks_and_data_ids(graph):
    assert [(task.label, task.first, task.count) for task in graph.tasks] == [
        ("isr", 0, 4), ("calibrate", 4, 4), ("warp", 8, 3), ("coadd", 11, 3),
    ]  # fmt: skip
    for task in graph.tasks:
        ids = [quantum.dataId.values_tuple for quantum in graph.quanta(task.label)]
        assert ids == sorted(ids)
        assert {graph.label_of(i) for i in range(task.first, task.first + task.count)} == {task.label}


def test_data_ids_have_implied_values(graph):
    bands = {
        q.dataId["visit"]: (q.dataId["band"], q.dataId["physical_filter"]) for q in graph.quanta("calibrate")
    }
    assert bands == {1: ("g", "g1"), 2: ("r", "r1")}


def test_what_one_quantum_makes_is_what_the_next_one_reads(graph):
    made = {ref.id: ref for q in all_quanta(graph) for refs in q.outputs.values() for ref in refs}
    read = [ref for q in all_quanta(graph)[4:] for refs in q.inputs.values() for ref in refs]
    assert all(made[ref.id].dataId == ref.dataId for ref in read)
    assert {ref.run for ref in read} == {"u/run"}
    assert len(made) == graph.n_quanta


def test_ids_are_version_7_and_all_different(graph):
    ids = [q.id for q in all_quanta(graph)]
    ids += [ref.id for q in all_quanta(graph) for ref in (q.log_ref, q.metadata_ref, *q.outputs.popitem()[1])]
    assert len(set(ids)) == 4 * graph.n_quanta
    assert {i.version for i in ids} == {7}
    assert ids[3] == graph.quantum_id(3)


def test_components_are_read_from_the_datasets_of_their_composite(graph):
    quantum = next(graph.quanta("warp"))
    assert [ref.id for ref in quantum.inputs["masks"]] == [ref.id for ref in quantum.inputs["calexps"]]
    kind = quantum.inputs["masks"][0].datasetType
    assert (kind.name, kind.storageClass) == ("calexp.mask", "Mask")


def test_init_datasets_are_one_per_task_or_run(graph):
    assert graph.init_inputs["calibrate"]["schema"] == graph.init_outputs["isr"]["schema"]
    assert next(graph.quanta("calibrate")).initInputs == graph.init_inputs["calibrate"]
    assert {label: ref.datasetType.name for label, ref in graph.config_refs.items()} == {
        label: f"{label}_config" for label in ("isr", "calibrate", "warp", "coadd")
    }
    assert graph.packages_ref.datasetType.name == "packages"
    assert next(graph.quanta("isr")).metadata_ref.datasetType.name == "isr_metadata"


def test_successors_read_what_a_quantum_makes(graph):
    expected = {
        (i, j)
        for i, maker in enumerate(all_quanta(graph))
        for j, user in enumerate(all_quanta(graph))
        if {r.id for refs in maker.outputs.values() for r in refs}
        & {r.id for refs in user.inputs.values() for r in refs}
    }
    pairs = graph.successors().pairs()
    assert set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == expected
    assert graph.in_degree.tolist() == [sum(j == i for _, j in expected) for i in range(graph.n_quanta)]


def test_records_of_inputs_come_with_the_graph(graph, paths):
    for i, quantum in enumerate(graph.quanta("isr")):
        (raw,) = quantum.inputs["raw"]
        (record,) = graph.input_records(i)[raw.id]
        assert isinstance(record, ArtifactRecord)
        assert (record.path, record.offset) == (paths[raw.id.bytes], -1)
    assert graph.input_records(4) == {}


def test_a_subset_keeps_quanta_ids_and_edges(graph):
    is_kept = np.array([q.dataId.get("visit", q.dataId.get("exposure")) == 2 for q in all_quanta(graph)])
    part = graph.subset(is_kept)
    assert all_quanta(part) == [q for q, keep in zip(all_quanta(graph), is_kept, strict=True) if keep]
    assert [task.count for task in part.tasks] == [2, 2, 2, 0]
    assert part.label_of(part.n_quanta - 1) == "warp"
    assert part.input_records(0) == graph.input_records(int(np.flatnonzero(is_kept)[0]))


def test_another_run_gets_other_ids(graph):
    moved = graph.with_run("v/run", "v")
    ref, old = (next(g.quanta("isr")).outputs["post"][0] for g in (moved, graph))
    assert (ref.run, ref.dataId) == ("v/run", old.dataId)
    assert ref.id != old.id


def test_a_quantum_beyond_the_end_is_an_index_error(graph):
    with pytest.raises(IndexError, match="No quantum 14 in a graph of 14"):
        graph.quantum(14)


def test_members_are_stored_and_aligned(built, tmp_path):
    built.save(tmp_path / "graph.qg")
    content = (tmp_path / "graph.qg").read_bytes()
    with zipfile.ZipFile(tmp_path / "graph.qg") as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            name, extra = (
                int.from_bytes(content[info.header_offset + at :][:2], "little") for at in (26, 28)
            )
            assert (info.header_offset + 30 + name + extra) % ALIGNMENT == 0
    assert [path.name for path in tmp_path.glob("*graph*")] == ["graph.qg"]


def test_opening_one_quantum_reads_only_its_task(built, tmp_path):
    built.save(tmp_path / "graph.qg")
    loaded = QuantumGraph.load(tmp_path / "graph.qg")
    loaded.quantum(0)
    read = {
        name for name, load in (("raw", loaded.datasets), ("coadd", loaded.datasets)) if name in load._loaded
    }
    assert read == {"raw"}


def test_a_file_of_a_later_version_asks_for_an_upgrade(built, tmp_path):
    path, later = tmp_path / "graph.qg", tmp_path / "later.qg"
    built.save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(later, "w") as new:
        header = json.loads(old.read("header.json"))
        new.writestr("header.json", json.dumps({**header, "version": VERSION + 1}))
    with pytest.raises(GraphFileError, match=rf"format version {VERSION + 1}; .*Upgrade"):
        QuantumGraph.load(later)


def test_a_file_that_is_cut_short_or_something_else_is_refused(built, tmp_path):
    path = tmp_path / "graph.qg"
    built.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(GraphFileError, match="cut short"):
        QuantumGraph.load(path)
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("readme", "hello")
    with pytest.raises(GraphFileError, match=r"no member 'header\.json'"):
        QuantumGraph.load(path)


@pytest.mark.parametrize("member", ["header.json", "quanta/calibrate", "locations/raw", "edges/warp/masks"])
def test_a_file_in_which_a_bit_has_flipped_says_so_when_it_is_opened(built, tmp_path, member):
    path = tmp_path / "graph.qg"
    built.save(path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        middle = content.index(archive.read(member), info.header_offset) + info.file_size // 2
    content[middle] ^= 1
    path.write_bytes(content)
    with pytest.raises(GraphFileError, match=rf"graph\.qg' is damaged: '{member}'.*build the graph again"):
        QuantumGraph.load(path)


def test_a_file_whose_directory_is_damaged_is_refused_or_read_as_it_was(built, tmp_path):
    path = tmp_path / "graph.qg"
    built.save(path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
    expected = all_quanta(built)
    for at in random.Random(6).sample(range(directory, len(whole)), 100):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
        with suppress(GraphFileError):
            assert all_quanta(QuantumGraph.load(path)) == expected


@pytest.mark.parametrize(
    "header",
    [
        "[]",
        "{",
        '{"format": "pipetask quantum graph"}',
        '{"format": "pipetask quantum graph", "version": "new"}',
        '{"format": "pipetask quantum graph", "version": 1}',
    ],
)
def test_a_file_with_a_strange_header_is_refused(tmp_path, header):
    path = tmp_path / "graph.qg"
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("header.json", header)
    with pytest.raises(GraphFileError, match=r"graph\.qg'"):
        QuantumGraph.load(path)


def test_a_graph_file_that_is_not_there_is_named_with_the_way_to_make_one(tmp_path):
    with pytest.raises(GraphFileError, match=r"nope\.qg.*No such file.*--save-qgraph"):
        QuantumGraph.load(tmp_path / "nope.qg")


def test_quanta_are_chosen_by_task_data_id_and_id(graph):
    first = graph.quantum(0)
    assert [q.id for q in all_quanta(graph.select(ids=[first.id]))] == [first.id]
    assert [q.id for q in all_quanta(graph.select(ids=[str(first.id)]))] == [first.id]
    chosen = graph.select(tasks=["isr", "calibrate"], data_id={"instrument": "Cam", "detector": 1})
    assert {task.label: task.count for task in chosen.tasks if task.count} == {"isr": 2, "calibrate": 2}
    assert {q.dataId["detector"] for q in all_quanta(chosen)} == {1}
    assert graph.select(data_id={"band": "r"}).n_quanta == sum(
        q.dataId.get("band") == "r" for q in all_quanta(graph)
    )
    assert graph.select(data_id={"visit": 77}).n_quanta == 0


def test_a_task_that_is_not_in_the_graph_is_named_with_the_nearest(graph):
    with pytest.raises(UnknownQuantumError, match="'calibrat' in this graph; did you mean 'calibrate'"):
        graph.select(tasks=["calibrat"])


def test_networkx_has_quanta_with_edges_to_those_that_wait(graph):
    network = graph.to_networkx()
    assert network.number_of_nodes() == graph.n_quanta
    assert {(i, j) for i in range(graph.n_quanta) for j in graph.successors()[i]} == set(network.edges)
    assert network.nodes[0]["label"] == "isr"
    assert network.nodes[0]["data_id"] == graph.quantum(0).dataId
    assert network.nodes[0]["id"] == graph.quantum(0).id


def test_networkx_can_have_datasets_between_quanta(graph):
    network = graph.to_networkx(datasets=True)
    quantum = graph.quantum(0)
    (raw,), (post,) = quantum.inputs["raw"], quantum.outputs["post"]
    assert network.edges[raw.id, 0]["connection"] == "raw"
    assert network.edges[0, post.id]["connection"] == "post"
    assert network.nodes[raw.id]["dataset_type"] == "raw"
    reads_components = {network.nodes[n].get("dataset_type") for n in network}
    assert "calexp.mask" not in reads_components


def test_a_file_is_read_without_the_package_that_has_the_tasks(built, tmp_path):
    built.save(tmp_path / "graph.qg")
    code = (
        "from pipetask.graph.quantum_graph import QuantumGraph\n"
        f"graph = QuantumGraph.load({str(tmp_path / 'graph.qg')!r})\n"
        "print(graph.quantum(0).task_class_name)"
    )
    # The tasks of this test are known to no other process.
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == built.tasks[0].task_class_name
