"""Formats that a repository asks for by name: ECSV and ASDF; plugins and classes that its configuration names."""

import io
import sys

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time

from datastore.datastore import Datastore
from datastore.errors import ArtifactReadError, DatastoreError, FormatterError
from datastore.testing import FormatterSuite


def an_image():
    stream = io.BytesIO()
    fits.PrimaryHDU(np.ones((4, 5), dtype="f4")).writeto(stream)
    return stream.getvalue()


IMAGE = an_image()


def catalog():
    """A catalog with all that one has: units, descriptions, text, missing values, arrays, meta."""
    table = Table({"id": np.arange(3), "name": ["a", "ä b", ""]}, meta={"BAND": "r", "nested": {"x": [1, 2]}})
    table["flux"] = np.array([1.5, np.nan, -np.inf])
    table["flux"].unit = u.nJy
    table["flux"].description = "Flux in a circle"
    table["stamp"] = np.arange(12, dtype="f4").reshape(3, 2, 2)
    table["seen"] = MaskedColumn([1, 2, 3], mask=[False, True, False])
    return table


def assert_same_catalog(read, written):
    assert read.colnames == written.colnames
    assert dict(read.meta) == dict(written.meta)
    for name in written.colnames:
        a, b = read[name], written[name]
        assert (a.unit, a.description, a.dtype.kind, a.shape) == (
            b.unit,
            b.description,
            b.dtype.kind,
            b.shape,
        ), name
        kept = ~np.ma.getmaskarray(b)
        assert (np.ma.getmaskarray(a) == ~kept).all()
        assert np.array_equal(np.asarray(a)[kept], np.asarray(b)[kept], equal_nan=b.dtype.kind == "f"), name


class TestEcsv(FormatterSuite):
    formatter = "ecsv"
    storage_class = "SourceCatalog"

    def objects(self):
        return [catalog(), Table({"x": np.array([], dtype="f8")})]

    def assert_equal(self, read, written):
        assert_same_catalog(read, written)


class TestAsdf(FormatterSuite):
    formatter = "asdf"
    storage_class = "StructuredDataDict"

    def objects(self):
        return [
            {"a": 1, "b": [1.5, None, "ä", {"c": [True]}], "empty": {}},
            {"image": np.arange(6.0).reshape(2, 3), "list": [np.array([1, 2], dtype="i2")]},
            {"length": 3.5 * u.m, "when": Time("2026-01-02T03:04:05", scale="tai")},
        ]

    def assert_equal(self, read, written):
        assert type(read) is type(written)
        if isinstance(written, dict):
            assert list(read) == list(written)
            for key in written:
                self.assert_equal(read[key], written[key])
        elif isinstance(written, list):
            assert len(read) == len(written)
            for a, b in zip(read, written, strict=True):
                self.assert_equal(a, b)
        elif isinstance(written, np.ndarray):
            assert read.dtype == written.dtype
            assert np.array_equal(read, written)
        else:
            assert read == written


def test_table_in_asdf_keeps_units_and_descriptions(tmp_path, hint):
    store = Datastore(tmp_path, config={"formatters": {"SourceCatalog": "asdf"}})
    table = catalog()["id", "flux", "stamp"]
    records = store.write(table, hint("SourceCatalog"))
    assert records[0].path.endswith(".asdf")
    assert_same_catalog(store.read(records, "SourceCatalog"), table)


@pytest.mark.parametrize("formatter", ["fits_table", "parquet", "ecsv"])
def test_catalogs_keep_units_descriptions_and_missing_values_in_every_format(tmp_path, hint, formatter):
    store = Datastore(tmp_path, config={"formatters": {"thing": formatter}})
    records = store.write(catalog(), hint("SourceCatalog"))
    assert records[0].formatter == formatter
    assert_same_catalog(store.read(records, "SourceCatalog"), catalog())
    part = store.read(records, "SourceCatalog", parameters={"columns": ["flux", "id"]})
    assert part.colnames == ["flux", "id"]
    assert (part["flux"].unit, part["flux"].description) == (u.nJy, "Flux in a circle")
    assert store.read(records, "SourceCatalog", component="columns") == catalog().colnames
    assert store.read(records, "SourceCatalog", component="rowcount") == 3


def test_missing_numbers_of_a_table_that_another_program_wrote_are_masked(tmp_path, hint):
    table = catalog()["id", "seen"]
    table.write(tmp_path / "theirs.ecsv")
    store = Datastore(tmp_path / "root")
    records = store.ingest(tmp_path / "theirs.ecsv", hint("SourceCatalog"), formatter="ecsv")
    assert_same_catalog(store.read(records, "SourceCatalog"), table)


def test_values_that_a_format_lacks_are_told(tmp_path, hint):
    store = Datastore(tmp_path, config={"formatters": {"thing": "asdf", "SourceCatalog": "ecsv"}})
    with pytest.raises(FormatterError, match="asdf"):
        store.write({"a": object()}, hint())
    with pytest.raises(FormatterError, match="ecsv"):
        store.write(Table({"x": [object()]}), hint("SourceCatalog", dataset_type="other"))


@pytest.mark.parametrize("formatter", ["fits_table", "parquet", "ecsv"])
def test_objects_in_catalogs_are_refused_in_every_format(tmp_path, hint, formatter):
    store = Datastore(tmp_path, config={"formatters": {"thing": formatter}})
    with pytest.raises(FormatterError, match=formatter):
        store.write(Table({"x": np.array([object(), 1], dtype=object)}), hint("SourceCatalog"))


@pytest.mark.parametrize("value", [3 * u.nJy, Time("2020-01-01"), {1, 2}, b"x"])
def test_values_that_json_would_not_give_back_are_refused(store, hint, value):
    with pytest.raises(FormatterError, match="is not a plain value"):
        store.write({"x": value}, hint())


@pytest.mark.parametrize("formatter", ["fits_table", "parquet", "ecsv"])
def test_quantities_magnitudes_and_times_come_back_in_every_format(tmp_path, hint, formatter):
    table = QTable(
        {
            "flux": [1.5, np.nan] * u.nJy,
            "mag": [20.1, 21.0] * u.ABmag,
            "when": Time([60000, 60001], [0.1, 1 / 3], format="mjd", scale="tai"),
        }
    )
    store = Datastore(tmp_path, config={"formatters": {"thing": formatter}})
    got = store.read(store.write(table, hint("SourceCatalog")), "SourceCatalog")
    assert (got["flux"].unit, got["mag"].unit, got["when"].scale) == (u.nJy, u.ABmag, "tai")
    assert (got["when"] - table["when"]).sec.tolist() == [0.0, 0.0]
    assert got["mag"].value.tolist() == [20.1, 21.0]
    assert [type(got[name]) for name in got.colnames] == [type(table[name]) for name in got.colnames]


@pytest.mark.parametrize(
    ("content", "storage_class", "reason"),
    [
        (b"[1, 2]", "StructuredDataDict", "wants dict, not list"),
        (b'{"a": 1}', "StructuredDataList", "wants list, not dict"),
        (b"", "StructuredDataDict", "json: Expecting value"),
        (IMAGE, "SourceCatalog", "no HDU holds a table"),
        (IMAGE, "ExposureF", "fits_raw"),
        (IMAGE, "ImageF", "no HDU 'IMAGE'"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_before_it_is_taken_in(
    store, hint, tmp_path, content, storage_class, reason
):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DatastoreError, match=reason):
        store.check(tmp_path / "file", hint(storage_class))


def test_damaged_files_are_told(tmp_path, hint):
    store = Datastore(tmp_path, config={"formatters": {"thing": "asdf"}})
    (record,) = store.write({"a": np.arange(100)}, hint())
    store.stores["file"].put(record.path, b"#ASDF nonsense", clobber=True)
    with pytest.raises(ArtifactReadError, match="asdf"):
        store.read([record._replace(size=-1)], "StructuredDataDict")


PLUGIN = """
from datastore.formatters.base import Formatter

class Shout(Formatter):
    extension = ".txt"

    def to_bytes(self, obj, storage_class):
        return obj.upper().encode()

    def read(self, source, storage_class, *, component="", parameters):
        return source.read_bytes().decode()
"""


def test_repository_names_its_own_storage_classes_and_formatters_by_dotted_name(tmp_path, hint, monkeypatch):
    (tmp_path / "shouting.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    config = {"storageClasses": {"Cry": {"pytype": "builtins.str", "formatter": "shouting.Shout"}}}
    store = Datastore(tmp_path / "root", config=config)
    records = store.write("help", hint("Cry"))
    assert records[0].path.endswith(".txt")
    assert store.read(records, "Cry") == "HELP"
    sys.modules.pop("shouting")
