"""Storage classes: conversions, components, definitions, plugins."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.nddata import CCDData
from astropy.table import QTable, Table

from datastore.datastore import Datastore
from datastore.errors import (
    PackageMissingError,
    StorageClassDefinitionError,
    StorageTypeError,
    UnknownComponentError,
)
from datastore.formatters.base import find_formatter
from datastore.storage_class import StorageClasses
from datastore.testing import StorageClassSuite
from datastore.types.exposure import Exposure
from datastore.types.mask import Mask
from datastore.types.task_metadata import TaskMetadata


class TestExposureF(StorageClassSuite):
    name = "ExposureF"

    def objects(self):
        return [Exposure(np.ones((2, 3))), CCDData(np.ones((2, 3)), unit="adu")]


class TestSourceCatalog(StorageClassSuite):
    name = "SourceCatalog"

    def objects(self):
        return [Table({"a": [1]}), QTable({"a": [1]}), pa.table({"a": [1]})]


class TestArrowTable(StorageClassSuite):
    name = "ArrowTable"

    def objects(self):
        return [Table({"a": [1]}), pa.table({"a": [1]})]


class TestTaskMetadata(StorageClassSuite):
    name = "TaskMetadata"

    def objects(self):
        return [TaskMetadata(), {"a": {"b": 1}}]


class TestStructuredDataList(StorageClassSuite):
    name = "StructuredDataList"

    def objects(self):
        return [[1], (1, 2)]


def test_every_built_in_class_has_a_formatter_and_known_components():
    classes = StorageClasses()
    for name in classes.names():
        storage_class = classes.get(name)
        assert find_formatter(storage_class.formatter)
        assert {classes.get(inner).name for inner in storage_class.components.values()} <= set(
            classes.names()
        )


def test_components_of_components_have_classes():
    classes = StorageClasses()
    assert classes.component_class("ExposureF", "wcs") == "Wcs"
    assert classes.component_class("Exposure", "mask.DETECTED") == "NumpyArray"
    with pytest.raises(UnknownComponentError):
        classes.component_class("Exposure", "wcs.x")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("ArrowTable", "SourceCatalog", True),
        ("SourceCatalog", "ArrowAstropy", True),
        ("ArrowAstropy", "ArrowTable", True),
        ("ExposureD", "ExposureF", True),
        ("StructuredDataDict", "TaskMetadata", True),
        ("TaskMetadata", "StructuredDataDict", True),
        ("Exposure", "SourceCatalog", False),
        ("Wcs", "Wcs", True),
    ],
)
def test_what_can_be_read_as_what(source, target, expected):
    assert StorageClasses().can_convert(source, target) == expected


def test_single_and_double_precision_are_kept_apart(store, hint):
    records = store.write(Exposure(np.full((2, 3), 1 / 3)), hint("ExposureF"))
    assert store.read(records, "Exposure").image.dtype == np.float32
    double = store.read(records, "ExposureD")
    assert double.image.dtype == double.variance.dtype == np.float64
    assert store.read(records, "ImageF", component="image").dtype == np.float32


def test_catalog_is_read_as_another_kind_of_table(store, hint):
    records = store.write(Table({"a": [1, 2]}), hint("SourceCatalog"))
    assert store.read(records, "ArrowTable").to_pydict() == {"a": [1, 2]}
    records = store.write(pa.table({"a": [1, None], "s": ["x", None]}), hint("ArrowTable", visit=4))
    table = store.read(records, "SourceCatalog")
    assert table["a"].mask.tolist() == [False, True]
    assert table["s"].tolist() == ["x", None]
    assert store.read(records, "StructuredDataList", component="columns") == ["a", "s"]


def test_catalogs_go_to_parquet_where_the_repository_says(tmp_path, hint):
    store = Datastore(tmp_path, config={"formatters": {"SourceCatalog": "parquet"}})
    records = store.write(Table({"a": [1, 2]}), hint("SourceCatalog"))
    assert records[0].path.endswith(".parq")
    assert store.read(records, "SourceCatalog")["a"].tolist() == [1, 2]


def test_mask_plane_is_read_as_an_array(store, hint):
    exposure = Exposure(np.ones((4, 5)))
    exposure.mask.set("CR", (2, 3))
    records = store.write(exposure, hint("Exposure"))
    assert np.argwhere(store.read(records, "Exposure", component="mask.CR")).tolist() == [[2, 3]]
    assert store.read(records, "Mask", component="mask") == exposure.mask
    assert isinstance(store.read(records, "Exposure", component="mask"), Mask)
    with pytest.raises(UnknownComponentError, match="did you mean 'CR'"):
        store.read(records, "Exposure", component="mask.CRR")


def test_component_as_an_impossible_class_is_refused(store, hint):
    records = store.write(Exposure(np.ones((4, 5))), hint("Exposure"))
    with pytest.raises(StorageTypeError):
        store.read(records, "SourceCatalog", component="image")


@pytest.mark.parametrize(
    "definition", [{"pytype": "x.y"}, {"pytype": "no.such.module.X", "formatter": "json"}, {"pytyp": 1}]
)
def test_unusable_definition_is_told(tmp_path, hint, definition):
    store = Datastore(tmp_path, config={"storageClasses": {"Mine": definition}})
    with pytest.raises(StorageClassDefinitionError):
        store.write({}, hint("Mine"))


def test_a_package_that_is_not_installed_is_named(tmp_path, hint):
    definition = {"pytype": "no_such_package.frames.Frame", "formatter": "json"}
    store = Datastore(tmp_path, config={"storageClasses": {"Mine": definition}})
    with pytest.raises(
        StorageClassDefinitionError, match="the package 'no_such_package' is not installed; install it"
    ):
        store.write({}, hint("Mine"))


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with a formatter and a storage class."""
    folder = tmp_path / "site"
    info = folder / "fakeplugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fakeplugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[datastore.storage_classes]\nfake = fakeplugin:STORAGE_CLASSES\nfile = fakeplugin:MORE\n"
        "[datastore.formatters]\nshout = fakeplugin:ShoutFormatter\n"
    )
    (folder / "fakeplugin.py").write_text(
        "from pathlib import Path\n"
        "from datastore.formatters.base import Formatter\n"
        "MORE = Path(__file__).with_name('more.yaml')\n"
        "STORAGE_CLASSES = {'Shout': {'pytype': 'builtins.str', 'formatter': 'shout'}}\n"
        "class ShoutFormatter(Formatter):\n"
        "    extension = '.txt'\n"
        "    def to_bytes(self, obj, storage_class):\n"
        "        return obj.upper().encode()\n"
        "    def read(self, source, storage_class, *, component='', parameters):\n"
        "        return source.read_bytes().decode()\n"
    )
    (folder / "more.yaml").write_text(
        "storageClasses:\n  Whisper:\n    pytype: builtins.str\n    formatter: fakeplugin.ShoutFormatter\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "fakeplugin", raising=False)


@pytest.mark.usefixtures("plugin")
def test_installed_plugin_brings_classes_and_formatters(store, hint):
    records = store.write("hello", hint("Shout"))
    assert records[0].formatter == "shout"
    assert store.read(records, "Shout") == "HELLO"
    assert {"Shout", "Whisper"} <= set(store.storage_classes.names())
    records = store.write("psst", hint("Whisper"), clobber=True)
    assert (records[0].formatter, store.read(records, "Whisper")) == ("fakeplugin.ShoutFormatter", "PSST")


def test_a_package_that_is_not_installed_is_told_with_how_to_install_it(store, hint, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PackageMissingError, match=r"'pandas.DataFrame'.*'pandas'.*pip install pandas"):
        store.write([1], hint("DataFrame"))
    records = store.write({"a": 1}, hint("StructuredDataDict"))
    monkeypatch.setitem(sys.modules, "asdf", None)
    as_asdf = [records[0]._replace(formatter="asdf")]
    with pytest.raises(PackageMissingError, match=r"'asdf': .*pip install 'pipetask\[asdf\]'"):
        store.read(as_asdf, "StructuredDataDict")


def test_importing_the_datastore_is_cheap():
    import subprocess

    code = (
        "import sys, datastore.datastore, datastore.types.exposure; "
        "print([m for m in ('astropy','pyarrow','lsst','yaml','scipy','fsspec','importlib.metadata') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
