"""What a datastore does with objects and files, whatever their format."""

import hashlib
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from datastore.datastore import Datastore
from datastore.errors import (
    ArtifactExistsError,
    ArtifactMissingError,
    ArtifactReadError,
    ConfigurationError,
    ConfigurationValueError,
    LocationError,
    ParameterError,
    StorageTypeError,
    UnknownComponentError,
    UnknownFormatterError,
    UnknownStorageClassError,
)
from datastore.types.box import Box
from datastore.types.exposure import Exposure
from datastore.types.photo_calib import PhotoCalib


def test_what_is_written_is_read_back(store, hint):
    records = store.write({"a": [1, 2.5, None], "b": {"c": "ä"}}, hint())
    assert store.read(records, "StructuredDataDict") == {"a": [1, 2.5, None], "b": {"c": "ä"}}


def test_record_tells_size_and_checksum_of_the_file(store, hint):
    (record,) = store.write({"a": 1}, hint())
    content = (Path(store.root) / record.path).read_bytes()
    assert (record.size, record.checksum) == (len(content), hashlib.sha256(content).hexdigest())
    assert (record.algorithm, record.offset, record.component) == ("sha256", -1, "")
    assert store.verify(record)


def test_path_names_run_type_and_every_data_id_value(store, hint):
    (record,) = store.write({}, hint())
    assert record.path == "u/me/20260101/thing/DECam/3/thing_DECam_3_42.json"
    assert store.path_for(hint()) == record.path


def test_second_write_of_the_same_dataset_is_refused_unless_clobbered(store, hint):
    records = store.write({"a": 1}, hint())
    with pytest.raises(ArtifactExistsError, match="thing_DECam_3_42"):
        store.write({"a": 2}, hint())
    assert store.read(records, "StructuredDataDict") == {"a": 1}
    records = store.write({"a": 2}, hint(), clobber=True)
    assert store.read(records, "StructuredDataDict") == {"a": 2}


def test_failed_write_leaves_no_file(store, hint, monkeypatch):
    def broken(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(OSError, match="No space left"):
        store.write({"a": 1}, hint())
    assert not [path for path in Path(store.root).rglob("*") if path.is_file()]


def test_wrong_python_type_is_named_with_the_wanted_one(store, hint):
    with pytest.raises(StorageTypeError, match=r"'Box' wants datastore\.types\.box\.Box, not dict"):
        store.write({}, hint("Box"))


def test_unknown_storage_class_suggests_the_nearest(store, hint):
    with pytest.raises(UnknownStorageClassError, match="did you mean 'Exposure'"):
        store.write({}, hint("Exposur"))


def test_unknown_component_and_parameter_are_told(store, hint):
    records = store.write(Exposure(np.ones((4, 5))), hint("Exposure"))
    with pytest.raises(UnknownComponentError, match="did you mean 'psf'"):
        store.read(records, "Exposure", component="pfs")
    with pytest.raises(ParameterError, match="no parameter 'box'"):
        store.read(records, "Exposure", parameters={"box": Box(0, 0, 1, 1)})


def test_missing_file_is_told_with_its_path(store, hint):
    records = store.write({}, hint())
    store.remove(records)
    assert not store.exists(records)
    with pytest.raises(ArtifactMissingError, match="thing_DECam_3_42"):
        store.read(records, "StructuredDataDict")


@pytest.mark.parametrize("storage_class", ["StructuredDataDict", "Exposure", "SourceCatalog"])
def test_truncated_file_is_told_with_its_path(store, hint, storage_class):
    from astropy.table import Table

    objects = {
        "StructuredDataDict": {"a": list(range(100))},
        "Exposure": Exposure(np.ones((40, 50))),
        "SourceCatalog": Table({"x": np.arange(1000)}),
    }
    (record,) = store.write(objects[storage_class], hint(storage_class))
    path = Path(store.root) / record.path
    path.write_bytes(path.read_bytes()[: record.size // 2])
    with pytest.raises(ArtifactReadError, match=r"thing_DECam_3_42.*truncated"):
        store.read([record], storage_class)
    with pytest.raises(ArtifactReadError, match="thing_DECam_3_42"):
        store.read([record._replace(size=-1)], storage_class)


def test_file_of_another_format_is_told_with_its_path(store, hint):
    (record,) = store.write({"a": 1}, hint())
    with pytest.raises(ArtifactReadError, match=r"thing_DECam_3_42.*not a FITS file"):
        store.read([record._replace(formatter="fits_exposure", storage_class="Exposure")], "Exposure")


def test_removing_takes_empty_folders_away_but_not_the_root(store, hint):
    first, second = store.write({}, hint()), store.write({}, hint(visit=4))
    store.remove(first)
    assert store.exists(second)
    assert not (Path(store.root) / "u/me/20260101/thing/DECam/3").exists()
    store.remove(second)
    store.remove(second)
    assert list(Path(store.root).iterdir()) == []


def test_removing_a_run_keeps_runs_below_and_beside_it(store, hint):
    mine = store.write({}, hint(run="u/me"))
    below = store.write({}, hint(run="u/me/later"))
    beside = store.write({}, hint(run="u/me2"))
    store.remove_tree("u/me", keep=["u/me/later", "u/me2"])
    assert [store.exists(records) for records in (mine, below, beside)] == [False, True, True]
    store.remove_tree("u/me/later")
    assert [store.exists(records) for records in (below, beside)] == [False, True]
    store.remove_tree("u/nobody")


def test_batch_is_synced_once_and_stays_readable(store, hint):
    for count in (2, 9):
        records = [store.write({"a": i}, hint(visit=10 * count + i), sync=False)[0] for i in range(count)]
        store.sync(records)
        assert [store.read([r], "StructuredDataDict")["a"] for r in records] == list(range(count))


def test_interrupted_writes_are_recognised_and_can_be_deleted(store, hint):
    records = store.write({}, hint())
    left = (Path(store.root) / records[0].path).with_name(".ab0123456789-1-2.part")
    left.write_bytes(b"half")
    found = [file for file in store.files("u/me/20260101") if file.is_temporary]
    assert [file.path for file in found] == [str(left.relative_to(store.root))]
    store.remove_files(found)
    assert not left.exists()
    assert store.exists(records)


def test_files_that_are_set_aside_keep_their_path(store, hint):
    (record,) = store.write({}, hint())
    store.set_aside(store.files("u/me/20260101"))
    assert not store.exists([record])
    assert (Path(store.root) / ".lost+found" / record.path).is_file()


def test_location_outside_the_root_is_refused(store, hint):
    (record,) = store.write({}, hint())
    for path in ("../x.json", "a/../../x.json", "/etc/passwd"):
        with pytest.raises(LocationError):
            store.read([record._replace(path=path)], "StructuredDataDict")
        with pytest.raises(LocationError):
            store.remove([record._replace(path=path)])


def test_formatter_is_chosen_by_dataset_type_then_storage_class(tmp_path, hint):
    config = {"formatters": {"StructuredDataDict": "yaml", "thing": "json"}}
    store = Datastore(tmp_path, config=config)
    (by_type,) = store.write({"a": 1}, hint())
    (by_class,) = store.write({"a": 1}, hint(dataset_type="other"))
    assert (by_type.formatter, by_class.formatter) == ("json", "yaml")
    assert by_class.path.endswith(".yaml")
    assert store.read([by_class], "StructuredDataDict") == {"a": 1}


def test_unknown_key_of_the_configuration_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match=r"'template'.*templates"):
        Datastore(tmp_path, config={"template": {}})


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [("stores", 3, "list"), ("formatters", ["json"], "mapping"), ("cache", "folder", "mapping")],
)
def test_value_of_the_wrong_kind_in_the_configuration_is_told(tmp_path, key, value, wanted):
    message = f"{key!r} of a datastore is a {wanted}, not {value!r}"
    with pytest.raises(ConfigurationValueError, match=re.escape(message)):
        Datastore(tmp_path, config={key: value})


def test_a_link_that_leads_nowhere_or_in_a_circle_is_no_file(store, hint):
    (record,) = store.write({"a": 1}, hint("StructuredDataDict"))
    path = Path(store.local_file(record))
    path.unlink()
    for target in ("gone.json", path.name):
        path.symlink_to(target)
        assert not store.exists([record])
        path.unlink()


def test_unknown_formatter_suggests_the_nearest(tmp_path, hint):
    store = Datastore(tmp_path, config={"formatters": {"thing": "jsno"}})
    with pytest.raises(UnknownFormatterError, match="did you mean 'json'"):
        store.write({}, hint())


def test_storage_class_of_the_repository_is_used(tmp_path, hint):
    config = {"storageClasses": {"Numbers": {"pytype": "builtins.list", "formatter": "yaml"}}}
    store = pickle.loads(pickle.dumps(Datastore(tmp_path, config=config)))
    assert store.read(store.write([1, 2], hint("Numbers")), "Numbers") == [1, 2]


def test_disassembled_exposure_reads_like_a_whole_one(tmp_path, hint):
    store = Datastore(tmp_path, config={"disassemble": ["thing"]})
    exposure = Exposure(
        np.arange(20.0).reshape(4, 5), photoCalib=PhotoCalib(2.0), filter="r", unit="nJy", x0=7, y0=8
    )
    exposure.mask.set("CR", (1, 2))
    records = store.write(exposure, hint("Exposure"))
    paths = {record.component: record.path for record in records}
    assert "psf" not in paths
    assert paths["photoCalib"] == "u/me/20260101/thing/photoCalib/DECam/3/thing_photoCalib_DECam_3_42.json"
    read = store.read(records, "Exposure")
    assert np.array_equal(read.image, exposure.image)
    assert (read.bbox, read.filter, read.unit) == (Box(7, 8, 5, 4), "r", "nJy")
    assert store.read(records, "Exposure", component="psf") is None
    assert store.read(records, "Exposure", component="photoCalib") == PhotoCalib(2.0)
    assert store.read(records, "Exposure", component="mask.CR").sum() == 1
    part = store.read(records, "Exposure", parameters={"bbox": Box(8, 9, 2, 2)})
    assert np.array_equal(part.image, exposure.image[1:3, 1:3])
    image = store.read(records, "Exposure", component="image", parameters={"bbox": Box(8, 9, 2, 2)})
    assert np.array_equal(image, exposure.image[1:3, 1:3])
    assert store.exists(records)
    store.remove(records)
    assert not store.exists(records)
