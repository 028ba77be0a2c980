"""Exports cross to the reference's own program and back; needs PIPETASK_PEER_PYTHON, where it is installed."""

import json
import os
import subprocess
import textwrap

import pytest

from pipetask.butler import Butler

PEER = os.environ.get("PIPETASK_PEER_PYTHON")
pytestmark = pytest.mark.skipif(not PEER, reason="PIPETASK_PEER_PYTHON does not name the reference's Python")

MAKE = """
import sys
import lsst.sphgeom as sphgeom
from astropy.time import Time
from lsst.daf.butler import Butler, CollectionType, DatasetType, Timespan

root, folder = sys.argv[1:]
Butler.makeRepo(root)
butler = Butler.from_config(root, writeable=True)
insert = butler.registry.insertDimensionData
times = Timespan(Time("2030-01-01T20:00:00", scale="tai"), Time("2030-01-01T20:00:30.5", scale="tai"))
region = sphgeom.Circle(sphgeom.UnitVector3d(1, 0, 0), sphgeom.Angle.fromDegrees(1))
insert("instrument", {"name": "Cam", "visit_max": 9, "exposure_max": 9, "detector_max": 4, "class_name": "x.Cam"})
insert("physical_filter", {"instrument": "Cam", "name": "g1", "band": "g"})
for number in (0, 1):
    insert("detector", {"instrument": "Cam", "id": number, "full_name": f"D{number}"})
insert("day_obs", {"instrument": "Cam", "id": 20300101, "timespan": times})
insert("visit", {"instrument": "Cam", "id": 5, "name": "five", "physical_filter": "g1", "day_obs": 20300101,
                 "timespan": times, "region": region})
kinds = {
    "stats": DatasetType("stats", ["visit", "detector"], "StructuredDataDict", universe=butler.dimensions),
    "dark": DatasetType("dark", ["instrument", "detector"], "StructuredDataDict", universe=butler.dimensions,
                        isCalibration=True),
}
for kind in kinds.values():
    butler.registry.registerDatasetType(kind)
for run in ("run/a", "run/b"):
    butler.collections.register(run)
refs = [butler.put({"n": n}, "stats", instrument="Cam", visit=5, detector=n, run="run/a") for n in (0, 1)]
darks = [butler.put({"dark": n}, "dark", instrument="Cam", detector=n, run="run/b") for n in (0, 1)]
for name, kind in (("tag", "TAGGED"), ("cal", "CALIBRATION"), ("chain", "CHAINED")):
    butler.collections.register(name, CollectionType.from_name(kind), doc=f"the {name}")
butler.registry.associate("tag", refs[:1])
butler.registry.certify("cal", darks, Timespan(times.begin, None))
butler.registry.decertify("cal", "dark", times, dataIds=[{"instrument": "Cam", "detector": 0}])
butler.collections.redefine_chain("chain", ["tag", "run/a", "cal"])
with butler.export(directory=folder, filename="export.yaml", transfer="copy") as export:
    export.saveDatasets(refs + darks)
    for name in ("run/a", "run/b", "tag", "cal", "chain"):
        export.saveCollection(name)
"""

READ = """
import sys
from lsst.daf.butler import Butler

butler = Butler.from_config(sys.argv[1], writeable=True)
butler.import_(directory=sys.argv[2], filename="export.yaml", transfer="copy")
found = {
    "stats": [butler.get(r) for r in sorted(butler.query_datasets("stats", "run/a"))],
    "json": butler.get("more", instrument="Cam", detector=1, collections="run/b"),
    "children": list(butler.collections.get_info("chain").children),
    "doc": butler.collections.get_info("cal").doc,
    "tag": [str(r.id) for r in butler.query_datasets("stats", "tag")],
    "valid": sorted(
        [a.ref.dataId["detector"], *a.timespan.nsec]
        for a in butler.registry.queryDatasetAssociations("dark", "cal")
    ),
    "region": [r.region.encode().hex() for r in butler.query_dimension_records("visit")],
    "timespan": [list(r.timespan.nsec) for r in butler.query_dimension_records("visit")],
}
import json
print(json.dumps(found))
"""


def peer(code, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [PEER, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_reference_exports_goes_here_and_back(tmp_path):
    (tmp_path / "from_them").mkdir()
    peer(MAKE, tmp_path / "theirs", tmp_path / "from_them")
    with Butler.makeRepo(tmp_path / "ours") as butler:
        assert butler.import_(directory=tmp_path / "from_them").datasets == 4
        assert butler.get("stats", visit=5, detector=1, collections="chain") == {"n": 1}
        [visit] = butler.query_dimension_records("visit")
        tagged = butler.query_datasets("stats", "tag")
        found = butler.registry.calibration_columns("dark", "cal")
        bounds = zip(found.columns["detector"], found.begin_ns, found.end_ns, strict=True)
        valid = sorted([int(part) for part in each] for each in bounds)
        assert len(valid) == 2
        more = butler.registry.get_dataset_type("dark")
        butler.register_dataset_type(type(more)("more", more.dimensions, "StructuredDataDict"))
        butler.put({"x": [1, None]}, "more", instrument="Cam", detector=1, run="run/b")
        with butler.export(directory=tmp_path / "from_us", transfer="copy") as export:
            export.saveDatasets(butler.query_all_datasets(["run/a", "run/b"], find_first=False))
            export.saveCollection("chain")
    peer("import sys; from lsst.daf.butler import Butler; Butler.makeRepo(sys.argv[1])", tmp_path / "back")
    back = json.loads(peer(READ, tmp_path / "back", tmp_path / "from_us"))
    assert back["stats"] == [{"n": 0}, {"n": 1}]
    assert back["json"] == {"x": [1, None]}
    assert (back["children"], back["doc"]) == (["tag", "run/a", "cal"], "the cal")
    assert back["tag"] == [str(ref.id) for ref in tagged]
    assert [row[0] for row in back["valid"]] == [row[0] for row in valid]
    assert [row[1] for row in back["valid"]] == [row[1] for row in valid]
    assert back["region"] == [visit.region.encode().hex()]
    assert back["timespan"] == [list(visit.timespan.nsec)]
