"""Small registries on each kind of database, named by what is in them."""

import re

import pytest
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from registry.dataset_type import DatasetType
from registry.timespan import Timespan

DAY = 20260101


def square(ra: float, dec: float, half: float) -> ConvexPolygon:
    """A square on the sky [deg], sides along great circles."""
    corners = [
        (ra - half, dec - half),
        (ra + half, dec - half),
        (ra + half, dec + half),
        (ra - half, dec + half),
    ]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners])


@pytest.fixture
def sky_square():
    """Makes squares on the sky."""
    return square


@pytest.fixture
def empty_registry(new_registry):
    """A new registry without anything in it."""
    with new_registry() as registry:
        yield registry


@pytest.fixture
def camera_registry(empty_registry):
    """Instrument Cam with detectors 0-2, filters g and r, visits 1-4 at ra 10, 11, 12, 13 of the equator."""
    registry = empty_registry
    insert = registry.insert_dimension_records
    insert("instrument", [{"name": "Cam", "visit_max": 100}])
    insert("detector", {"instrument": ["Cam"] * 3, "id": range(3), "full_name": ["A", "B", "C"]})
    insert("physical_filter", {"instrument": ["Cam"] * 2, "name": ["g1", "r1"], "band": ["g", "r"]})
    insert("day_obs", [{"instrument": "Cam", "id": DAY}])
    insert("visit_system", [{"instrument": "Cam", "id": 0, "name": "one-to-one"}])
    insert(
        "visit",
        {
            "instrument": ["Cam"] * 4,
            "visit": [1, 2, 3, 4],
            "name": [f"v{i}" for i in range(4)],
            "physical_filter": ["g1", "r1", "g1", "r1"],
            "day_obs": [DAY] * 4,
            "exposure_time": [10.0, 20.0, 30.0, 40.0],
            "region": [square(10 + i, 0, 0.45) for i in range(4)],
            "timespan": [Timespan.from_ns(100 * i, 100 * i + 50) for i in range(4)],
        },
    )
    return registry


@pytest.fixture
def calexp(camera_registry):
    """A dataset type of visit and detector, registered."""
    dataset_type = DatasetType(
        "calexp", ["visit", "detector"], "ExposureF", universe=camera_registry.universe
    )
    camera_registry.register_dataset_type(dataset_type)
    return dataset_type


@pytest.fixture
def bias(camera_registry):
    """A calibration of each detector, registered."""
    dataset_type = DatasetType(
        "bias", ["detector"], "ExposureF", universe=camera_registry.universe, isCalibration=True
    )
    camera_registry.register_dataset_type(dataset_type)
    return dataset_type


@pytest.fixture
def two_run_registry(camera_registry, calexp, bias):
    """Runs ``first`` (calexp of visits 1-3, bias) and ``second`` (calexp of visit 3, bias), detectors 0 and 1."""
    registry = camera_registry
    for run, visits in (("first", [1, 2, 3]), ("second", [3])):
        registry.collections.register(run)
        pairs = [(visit, detector) for visit in visits for detector in (0, 1)]
        columns = {
            "instrument": ["Cam"] * len(pairs),
            "visit": [visit for visit, _ in pairs],
            "detector": [detector for _, detector in pairs],
        }
        registry.insert_datasets(calexp, run, columns)
        registry.insert_datasets(bias, run, {"instrument": ["Cam"] * 2, "detector": [0, 1]})
    return registry


def explain(db, sql, values) -> list[str]:
    """The plan in the words of SQLite: SEARCH and SCAN, by table, with the columns that an index is asked for."""
    cursor = db.session.connection.connection.cursor()
    if db.dialect.name == "sqlite":
        return [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    cursor.execute("SET enable_seqscan = off")  # the tables are small: a scan would be the better plan
    plan = "\n".join(row[0] for row in cursor.execute(f"EXPLAIN {sql}", values))
    lines = []
    for node in re.split(r"\n\s*->\s*", plan):
        found = re.match(
            r"(Seq|Index Only|Index|Bitmap Heap|Bitmap Index) Scan (?:using (\w+) )?on (\w+)", node
        )
        if found and found[1] == "Bitmap Index":  # which index the heap scan before it uses
            heap = max(i for i, line in enumerate(lines) if "INDEX None" in line)
            key = "PRIMARY KEY" if found[3].startswith("pk_") else f"INDEX {found[3]}"
            lines[heap] = lines[heap].replace("INDEX None", key)
        elif found:
            asked = re.search(r"(?:Index|Recheck) Cond: (.*)", node)
            columns = (
                " ".join(f"{name}=?" for name in re.findall(r"\(?(\w+)\)?(?:::\w+)? = ", asked[1]))
                if asked
                else ""
            )
            key = "PRIMARY KEY" if (found[2] or "").startswith("pk_") else f"INDEX {found[2]}"
            lines.append(f"SEARCH {found[3]} USING {key} ({columns})" if asked else f"SCAN {found[3]}")
    return lines


@pytest.fixture
def explained():
    """Returns the plan of a statement of a database; see `explain`."""
    return explain
