"""Many processes on one registry: nobody's change is lost or half seen, and nobody is told 'locked'."""

import multiprocessing
import os
import time
import traceback

import pytest
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from registry.dataset_type import DatasetType
from registry.errors import ConflictingDefinitionError, RegistryError
from registry.registry import Registry
from registry.timespan import Timespan

WHOLE = bool(os.environ.get("PIPETASK_TEST_ALL"))
WRITERS, READERS = 16, 8
BATCHES, BATCH = (40, 50) if WHOLE else (4, 20)
CLIENTS = 8

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads


def square(ra, dec, half):
    corners = [
        (ra - half, dec - half),
        (ra + half, dec - half),
        (ra + half, dec + half),
        (ra - half, dec + half),
    ]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners])


def client(url, act, number, barrier, results):
    try:
        with Registry.open(url) as registry:
            barrier.wait(timeout=60)
            results.put((number, act(registry, number)))
    except RegistryError as error:
        results.put((number, error))
    except BaseException:
        results.put((number, traceback.format_exc()))


def at_once(url, *acts):
    """Run functions of a registry and a number, each in a process of its own; return what each returns or raises."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(len(acts)), context.Queue()
    processes = [
        context.Process(target=client, args=(url, act, i, barrier, results)) for i, act in enumerate(acts)
    ]
    for process in processes:
        process.start()
    found = dict(results.get(timeout=300) for _ in processes)
    for process in processes:
        process.join()
    bugs = [each for each in found.values() if isinstance(each, str) and "Traceback" in each]
    assert not bugs, bugs[0]
    return [found[i] for i in range(len(acts))]


@pytest.fixture
def url(database_url):
    """A registry with an instrument of 100,000 detectors' worth of numbers, and a type of them."""
    with Registry.create(database_url) as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        n = max(BATCHES * BATCH, 100)
        registry.insert_dimension_records(
            "detector", {"instrument": ["Cam"] * n, "id": range(n), "full_name": [f"D{i}" for i in range(n)]}
        )
        for name in ("thing", "bias"):
            registry.register_dataset_type(
                DatasetType(name, ["detector"], "X", universe=registry.universe, isCalibration=name == "bias")
            )
        registry.collections.register("all", "CHAINED")
    return database_url


def write(registry, number):
    run = f"run{number}"
    registry.collections.register(run)
    registry.collections.prepend_chain("all", run)
    for batch in range(BATCHES):
        detectors = range(batch * BATCH, (batch + 1) * BATCH)
        registry.insert_datasets("thing", run, {"instrument": ["Cam"] * BATCH, "detector": detectors})
    return "written"


def read(registry, number):
    """Look again and again, until all is there; return the longest time that one look took."""
    slowest, seen, deadline = 0.0, 0, time.monotonic() + 240
    while seen < WRITERS * BATCHES * BATCH:
        assert time.monotonic() < deadline
        begin = time.monotonic()
        found = {}
        for run in registry.collections.query("run*"):
            found[run] = len(registry.find_dataset_columns("thing", run).ids)
        slowest = max(slowest, time.monotonic() - begin)
        assert all(n % BATCH == 0 for n in found.values()), found  # a transaction is seen whole or not at all
        assert sum(found.values()) >= seen
        seen = sum(found.values())
        time.sleep(0.02)
    return slowest


def test_sixteen_writers_and_eight_readers_do_not_disturb_each_other(url):
    results = at_once(url, *[write] * WRITERS, *[read] * READERS)
    assert results[:WRITERS] == ["written"] * WRITERS
    assert all(isinstance(each, float) for each in results[WRITERS:]), results[WRITERS:]
    with Registry.open(url) as registry:
        children = registry.collections.get_info("all").children
        assert sorted(children) == sorted(f"run{i}" for i in range(WRITERS))  # no chain edit was lost
        assert len(registry.collections.history("all")) == 1 + WRITERS


def test_readers_do_not_wait_for_a_writer(url):
    with Registry.open(url) as writer, Registry.open(url, writeable=False) as reader, writer.transaction():
        writer.collections.register("new")
        writer.collections.set_chain("all", ["new"])
        writer.insert_datasets("thing", "new", {"instrument": ["Cam"], "detector": [0]})
        begin = time.monotonic()
        assert reader.collections.query() == ["all"]
        assert reader.collections.get_info("all").children == ()
        assert time.monotonic() - begin < 5  # a writer would be waited for until it ends


def define_the_same(registry, number):
    new = registry.register_dataset_type(DatasetType("new", ["detector"], "X", universe=registry.universe))
    registered = registry.collections.register("run")
    row = {"instrument": "Cam", "name": "g1", "band": "g"}
    inserted = registry.insert_dimension_records("physical_filter", [row])
    return new, registered, inserted


def test_the_same_definition_by_many_at_once_succeeds_and_one_made_it(url):
    results = at_once(url, *[define_the_same] * CLIENTS)
    made = [tuple(map(bool, each)) for each in results]
    assert [sum(column) for column in zip(*made, strict=True)] == [1, 1, 1]


def define_differently(registry, number):
    try:
        registry.register_dataset_type(
            DatasetType("odd", ["detector"], f"S{number}", universe=registry.universe)
        )
    except ConflictingDefinitionError:
        return "conflict"
    return f"S{number}"


def test_of_different_definitions_at_once_one_wins_and_the_others_are_told(url):
    results = at_once(url, *[define_differently] * CLIENTS)
    (winner,) = [each for each in results if each != "conflict"]
    with Registry.open(url) as registry:
        assert registry.get_dataset_type("odd").storageClass == winner


def put_the_same_data_id(registry, number):
    try:
        registry.insert_datasets("thing", "run", {"instrument": ["Cam"], "detector": [1]})
    except ConflictingDefinitionError:
        return "conflict"
    return "put"


def test_a_data_id_is_put_once(url):
    with Registry.open(url) as registry:
        registry.collections.register("run")
    results = at_once(url, *[put_the_same_data_id] * CLIENTS)
    assert sorted(results) == ["conflict"] * (CLIENTS - 1) + ["put"]
    with Registry.open(url) as registry:
        assert len(registry.query_datasets("thing", "run")) == 1


def certify(registry, number):
    try:
        refs = registry.query_datasets("bias", f"run{number}")
        registry.collections.certify("cal", refs, Timespan.from_ns(10 * number, 1000))
    except ConflictingDefinitionError:
        return "conflict"
    return "certified"


def test_validity_ranges_that_overlap_are_refused_however_close_they_come(url):
    with Registry.open(url) as registry:
        registry.collections.register("cal", "CALIBRATION")
        for number in range(CLIENTS):
            registry.collections.register(f"run{number}")
            registry.insert_datasets("bias", f"run{number}", {"instrument": ["Cam"], "detector": [1]})
    results = at_once(url, *[certify] * CLIENTS)
    assert sorted(results) == ["certified"] + ["conflict"] * (CLIENTS - 1)


def add_visits(registry, number):
    columns = {
        "instrument": ["Cam"] * 3,
        "visit": [3 * number + i for i in range(3)],
        "day_obs": [20260101] * 3,
    }
    columns |= {"name": [f"v{i}" for i in columns["visit"]], "physical_filter": ["g1"] * 3}
    columns["region"] = [square(10 + i, 0, 0.6) for i in range(3)]
    return registry.insert_dimension_records("visit", columns)


def add_tracts(registry, number):
    columns = {"skymap": ["sky"] * 3, "tract": [3 * number + i for i in range(3)]}
    columns["region"] = [square(10 + i, 0, 0.6) for i in range(3)]
    return registry.insert_dimension_records("tract", columns)


def test_regions_that_come_at_once_find_each_other(url):
    with Registry.open(url) as registry:
        registry.insert_dimension_records(
            "physical_filter", [{"instrument": "Cam", "name": "g1", "band": "g"}]
        )
        registry.insert_dimension_records("day_obs", [{"instrument": "Cam", "id": 20260101}])
        registry.insert_dimension_records("skymap", [{"skymap": "sky", "hash": b"x", "tract_max": 100}])
    assert at_once(url, *[add_visits, add_tracts] * 3) == [3] * 6
    with Registry.open(url) as registry:
        # Each of three places overlaps itself and its neighbours: 7 pairs of 9, for 3 clients of either kind.
        assert len(registry.overlap_columns("visit", "tract")["visit"]) == 7 * 3 * 3
