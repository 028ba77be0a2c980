"""Arguments that cannot be: one line of our own that quotes them, whatever the method."""

import pytest

from pipetask.butler import Butler, DatasetType, Timespan
from pipetask.errors import PipetaskError
from registry.errors import RegistryError

SOME = {"detector": 1, "collections": "first"}
VISIT = {"instrument": "Cam", "visit": 9, "name": "b", "physical_filter": "Cam-r", "day_obs": 20300101}


def insert(butler, element, records, **options):
    return butler.registry.insert_dimension_records(element, records, **options)


def query(butler, method, *arguments, **options):
    with butler.query() as made:
        return getattr(made, method)(*arguments, **options)


CALLS = {
    "get nothing": (lambda b: b.get(None), "None is no dataset type"),
    "get a number": (lambda b: b.get(3), "3 is no dataset type"),
    "get no component": (lambda b: b.get("notes.", **SOME), "'notes.' names no component"),
    "a data ID that is none": (lambda b: b.get("notes", 5, collections="first"), "5 is no data ID"),
    "a list as data ID": (lambda b: b.get("notes", ["a"], collections="first"), r"\['a'\] is no data ID"),
    "no collections": (lambda b: b.get("notes", detector=1, collections=[]), r"collections=\[\] names none"),
    "a number as collections": (lambda b: b.get("notes", detector=1, collections=5), "5 is no list of names"),
    "a number among collections": (lambda b: b.get("notes", detector=1, collections=[5]), "5 is no name"),
    "a number as parameters": (lambda b: b.get("notes", parameters=5, **SOME), "5 is no mapping of param"),
    "a number as timespan": (lambda b: b.get("notes", timespan=5, **SOME), "5 is no timespan"),
    "a number as storage class": (lambda b: b.get("notes", storageClass=5, **SOME), "No storage class 5"),
    "put into no run": (lambda b: b.put({}, "notes", detector=2, run=""), "No collection ''"),
    "put into a number": (lambda b: b.put({}, "notes", detector=2, run=5), "5 is no name"),
    "an id that is none": (lambda b: b.get_dataset("x"), "'x' is no id of a dataset"),
    "query a number": (lambda b: b.query_datasets(3, "first"), "3 is no dataset type"),
    "a number as where": (lambda b: b.query_datasets("notes", "first", where=5), "5 is of type int"),
    "a number as bind": (lambda b: b.query_datasets("notes", "first", where="visit=:x", bind=5), "bind maps"),
    "sort by a number": (lambda b: b.query_datasets("notes", "first", order_by=5), "5 is no list of names"),
    "query a data ID": (lambda b: b.query_datasets("notes", "first", data_id=5), "5 is no data ID"),
    "dimensions 5": (lambda b: b.query_data_ids(5), "Dimensions are a collection of names; 5"),
    "dimensions [5]": (lambda b: b.query_data_ids([5]), "5 is no name of a dimension"),
    "records of 5": (lambda b: b.query_dimension_records(5), "5 is no name of a dimension"),
    "all of an unknown type": (lambda b: b.query_all_datasets("first", name="note"), "did you mean 'notes'"),
    "info of 5": (lambda b: b.collections.get_info(5), "5 is no name of a collection"),
    "collections 5": (lambda b: b.collections.query(5), "5 is no list of names"),
    "associate 5": (lambda b: b.collections.associate("tag", [5]), "5 is no dataset ref"),
    "certify for 5": (lambda b: b.collections.certify("cal", [], 5), "5 is no timespan"),
    "decertify for 5": (lambda b: b.collections.decertify("cal", "flat", 5), "5 is no timespan"),
    "register 5": (lambda b: b.register_dataset_type(5), "5 is no dataset type"),
    "storage class 5": (lambda b: DatasetType("n", (), 5, universe=b.dimensions), "5 is no name of a stor"),
    "prune 5": (lambda b: b.pruneDatasets([5], purge=True, unstore=True), "5 is no dataset ref"),
    "remove 5": (lambda b: b.removeRuns(5), "5 is no list of names"),
    "ingest 5": (lambda b: b.ingest(5), "5 is no FileDataset"),
    "records 5": (lambda b: insert(b, "detector", 5), "5 is no list of records"),
    "record 5": (lambda b: insert(b, "detector", [5]), "5 is no record"),
    "no region": (lambda b: insert(b, "visit", [{**VISIT, "region": b"abc"}]), "b'abc'.* no encoded region"),
    "no timespan": (lambda b: insert(b, "visit", [{**VISIT, "timespan": 5}]), "5 is no timespan"),
    "no such policy": (lambda b: insert(b, "detector", [], conflict="no"), "'no' is none of 'error'"),
    "open 5": (lambda b: Butler.from_config(5), "5 is no place of a repository"),
    "unknown default": (lambda b: Butler.from_config(b.root, detectr=3).registry, "did you mean 'detector'"),
    "import from 5": (lambda b: b.import_(directory=5), "5 is no folder"),
    "transfer from 5": (lambda b: b.transfer_from(5, []), "5 is no butler"),
    "time 5": (lambda b: Timespan(5, 6), "astropy times"),
    "search for 5": (lambda b: query(b, "join_dataset_search", 5), "5 is no dataset type"),
    "datasets of 5": (lambda b: query(b, "datasets", 5), "5 is no dataset type"),
    "join 5": (lambda b: query(b, "join_data_coordinates", 5), "5 is no list of data IDs"),
    "fields 5": (lambda b: query(b, "general", "detector", 5), "5 is no name of a field"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_what_cannot_be_is_told_in_one_line(repo, call, message):
    repo.collections.register("tag", "TAGGED")
    repo.collections.register("cal", "CALIBRATION")
    repo.put({}, "notes", detector=1, run="first")
    with pytest.raises((TypeError, ValueError, LookupError), match=message) as caught:
        call(repo)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert (
        isinstance(caught.value, RegistryError | PipetaskError)
        or "datastore" in type(caught.value).__module__
    )
    assert len(repo.query_all_datasets("*", find_first=False)) == 1


def test_an_empty_universe_argument_is_told(tmp_path):
    with pytest.raises(TypeError, match="5 is no dimension universe"):
        Butler.makeRepo(tmp_path / "new", universe=5)
