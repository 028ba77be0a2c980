"""Each formatter against the shipped suite, with unusual objects."""

import sys
import zlib
from pathlib import Path
from types import ModuleType

import lsst.pex.config as pexConfig
import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.wcs import WCS

from datastore.errors import DatastoreError, FormatterError
from datastore.formatters.base import find_formatter
from datastore.locations import Source
from datastore.storage_class import StorageClasses
from datastore.testing import FormatterSuite
from datastore.types.background import Background, BackgroundMesh
from datastore.types.box import Box
from datastore.types.exposure import Exposure
from datastore.types.log_records import LogRecord, LogRecords
from datastore.types.mask import Mask
from datastore.types.packages import Packages
from datastore.types.photo_calib import PhotoCalib
from datastore.types.psf import Psf
from datastore.types.task_metadata import TaskMetadata
from datastore.types.visit_info import VisitInfo


def tan_wcs(*, sip: bool = False) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"] if sip else ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [10.0, -20.0]
    wcs.wcs.crpix = [30.0, 12.5]
    wcs.wcs.cd = [[-7e-5, 1e-6], [1e-6, 7e-5]]
    if sip:
        from astropy.wcs import Sip

        a, b = np.zeros((3, 3)), np.zeros((3, 3))
        a[2, 0], a[1, 1], b[0, 2] = 1.2345678901234e-5, -3e-6, 2e-5
        wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    wcs.wcs.set()
    return wcs


def assert_same_sky(read: WCS, written: WCS) -> None:
    x, y = np.meshgrid(np.linspace(-5, 60, 6), np.linspace(-5, 40, 5))
    assert np.allclose(read.all_pix2world(x, y, 0), written.all_pix2world(x, y, 0), rtol=0, atol=1e-12)


def assert_same_exposure(read: Exposure, written: Exposure) -> None:
    for name in ("image", "variance"):
        assert getattr(read, name).dtype == getattr(written, name).dtype
        assert getattr(read, name).tobytes() == getattr(written, name).tobytes()
    for name in ("mask", "psf", "photoCalib", "filter", "visitInfo", "detector", "bbox", "metadata", "unit"):
        assert getattr(read, name) == getattr(written, name), name
    assert read.background == written.background
    assert (read.wcs is None) == (written.wcs is None)
    if written.wcs is not None:
        assert_same_sky(read.wcs, written.wcs)
    assert (read.inputs is None) == (written.inputs is None)
    if written.inputs is not None:
        assert_same_table(read.inputs, written.inputs)


def assert_same_table(read: Table, written: Table) -> None:
    assert type(read) is type(written)
    assert (read.colnames, read.meta, len(read)) == (written.colnames, written.meta, len(written))
    for name in written.colnames:
        a, b = read[name], written[name]
        assert type(a) is type(b), name
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        for attribute in ("unit", "description", "format"):
            assert getattr(a.info, attribute) == getattr(b.info, attribute), (name, attribute)
        mask_a, mask_b = (np.asarray(getattr(c, "mask", np.zeros(c.shape, bool))) for c in (a, b))
        assert np.array_equal(mask_a, mask_b), name
        values_a, values_b = (np.asarray(getattr(c, "value", c)) for c in (a, b))
        assert np.array_equal(values_a[~mask_a], values_b[~mask_b], equal_nan=a.dtype.kind in "fc"), name


def full_exposure() -> Exposure:
    rng = np.random.default_rng(3)
    image = rng.normal(100, 10, (300, 520)).astype(np.float32)
    image[0, 0], image[1, 1], image[2, 2] = np.nan, np.inf, -0.0
    exposure = Exposure(
        image,
        variance=np.abs(image),
        wcs=tan_wcs(sip=True),
        psf=Psf(kernel=np.outer([1, 2, 1], [1, 3, 1])),
        photoCalib=PhotoCalib.from_zero_point(25.3, 0.01),
        filter="r.MP9601",
        visitInfo=VisitInfo(id=425858, exposure_time_s=68.0, begin_ns=2**60, ra_deg=244.6),
        detector={"id": 42, "name": "N11", "gain": 4.1},
        metadata={
            "OBJECT": "M 17",
            "NAXIS": 7,
            "Ünï": [1, 2.5, None],
            "PI": np.pi,
            "COUNT": 2**40,
            "QUOTE": "it's",
            "DONE": True,
            "TINY": -1.5e-300,
            "LONG KEYWORD": "x" * 200,
            "COMMENT": "two\nlines",
            "NOTHING": None,
            "nested": {"a": {"b": True}},
        },
        background=Background((300, 520), (BackgroundMesh(np.ones((3, 5)) / 3, (128, 128)),)),
        inputs=Table({"visit": [1, 2], "id": ["aé", "b "]}),
        unit="electron",
        x0=-7,
        y0=1000,
    )
    exposure.mask.set("CR", image > 120)
    exposure.mask.set("my plane", (5, 6))
    return exposure


class TestFitsExposure(FormatterSuite):
    formatter = "fits_exposure"
    storage_class = "Exposure"

    def objects(self):
        return [
            full_exposure(),
            Exposure(np.ones((1, 1))),
            Exposure(np.zeros((0, 5))),
            Exposure(np.full((257, 3), np.pi), wcs=tan_wcs()),
        ]

    def assert_equal(self, read, written):
        assert_same_exposure(read, written)

    def assert_component_equal(self, component, alone, whole):
        expected = getattr(whole, component)
        if component == "wcs" and expected is not None:
            assert_same_sky(alone, expected)
        elif component == "inputs" and expected is not None:
            assert_same_table(alone, expected)
        elif isinstance(expected, np.ndarray):
            assert np.array_equal(alone, expected, equal_nan=True)
        else:
            assert alone == expected

    def test_astropy_alone_reads_pixels_planes_and_wcs(self, tmp_path):
        from astropy.io import fits

        exposure = full_exposure()
        with fits.open(self._write(tmp_path, exposure)) as hdus:
            assert np.array_equal(hdus["IMAGE"].data, exposure.image, equal_nan=True)
            assert hdus["IMAGE"].compression_type == "GZIP_2"
            assert np.array_equal(hdus["MASK"].data, exposure.mask.array)
            assert hdus["MASK"].header["PLANE3"] == "CR"
            header = hdus[0].header
            assert (header["OBJECT"], header["PI"], header["COUNT"]) == ("M 17", np.pi, 2**40)
            assert (header["QUOTE"], header["DONE"], header["TINY"]) == ("it's", True, -1.5e-300)
            assert header["NAXIS"] == 0
            assert_same_sky(WCS(hdus["IMAGE"].header), exposure.wcs)
            hdus.verify("exception")

    def test_cutout_is_the_same_as_of_the_whole(self, tmp_path):
        exposure = full_exposure()
        box = Box(250 - 7, 1000 + 200, 200, 90)
        part = self._read(self._write(tmp_path, exposure), bbox=box)
        assert part.bbox == box
        assert_same_exposure(part, exposure.cutout(box))
        local = self._read(self._write(tmp_path, exposure), bbox=Box(250, 200, 200, 90), origin="local")
        assert np.array_equal(local.image, part.image)

    def test_cutout_needs_only_the_tiles_under_it(self, tmp_path):
        exposure = Exposure(np.random.default_rng(1).normal(size=(256, 1024)))
        path = self._write(tmp_path, exposure)
        content = bytearray(path.read_bytes())
        tile = find_gzip_members(bytes(content))[3]  # the fourth tile of the image
        content[tile + 200 : tile + 300] = b"\0" * 100
        path.write_bytes(content)
        part = self._read(path, "image", bbox=Box(0, 0, 700, 256))
        assert np.array_equal(part, exposure.image[:, :700])
        with pytest.raises((zlib.error, OSError)):
            self._read(path, "image")


def find_gzip_members(content: bytes) -> list[int]:
    """Return where gzip members begin."""
    magic, found, here = b"\x1f\x8b\x08\x00\x00\x00\x00\x00", [], -1
    while (here := content.find(magic, here + 1)) >= 0:
        found.append(here)
    return found


def odd_table(kind: type[Table]) -> Table:
    table = kind(
        {
            "id": np.array([1, 2**64 - 1], "u8"),
            "x": [1.5, np.nan] * u.pix,
            "text": ["äb ", "c"],
            "flag": [True, False],
            "i1": np.array([-128, 127], "i1"),
            "u2": np.array([0, 65535], "u2"),
            "u4": np.array([0, 2**32 - 1], "u4"),
            "big": np.array([1, 2], ">i4").astype("i4"),
            "pair": np.arange(6.0).reshape(2, 3),
            "texts": np.array([["ab", "c "], ["d", "eef"]]),
            "flags": np.array([[True, False], [False, False]]),
            "bytes": np.array([b"ab ", b"c"]),
            "half": np.array([1, 2.5], "f2"),
            "complex": np.array([1j, 2], "c8"),
        },
        meta={"A": 1, "nested": {"b": [1, 2.5, None]}, "long key name": "ü"},
    )
    table["x"].info.description = "column, 0-based ä"
    table["x"].info.format = ".3f"
    table["flux"] = Column([1.0, 2], unit="nJy", description="flux")
    table["masked"] = MaskedColumn([1, 2], mask=[True, False])
    table["masked text"] = MaskedColumn(["a", "b"], mask=[False, True])
    table["none masked"] = MaskedColumn([1.0, 2])
    return table


class TableSuite(FormatterSuite):
    def objects(self):
        table = odd_table(Table)
        return [
            table,
            table[:0],
            table[["x"]],
            odd_table(QTable),
            odd_table(QTable)[:0],
            Table(),
            Table(masked=True),
        ]

    def assert_equal(self, read, written):
        assert_same_table(read, written)

    def assert_component_equal(self, component, alone, whole):
        assert alone == {"columns": whole.colnames, "rowcount": len(whole)}[component]

    def test_times_and_sky_coordinates_come_back(self, tmp_path):
        table = Table({"id": [1, 2], "x": [1.5, 2.5] * u.pix})
        table["coord"] = SkyCoord([10.1, 20.2], [-3.3, 4.4], unit="deg", frame="fk5")
        table["time"] = Time([50000.123456789, 60000.5], format="mjd", scale="tai")
        table["last"] = ["a", "b"]
        path = self._write(tmp_path, table)
        read = self._read(path)
        assert (read.colnames, read.meta) == (table.colnames, {})
        assert (read["coord"].ra == table["coord"].ra).all()
        assert (read["coord"].frame.name, read["time"].scale) == ("fk5", "tai")
        assert (read["time"] == table["time"]).all()
        assert self._read(path, columns=["time", "id"]).colnames == ["time", "id"]
        assert self._read(path, "columns") == table.colnames
        assert "__serialized_columns__" not in table.meta

    def test_chosen_columns_come_in_the_chosen_order(self, tmp_path):
        path = self._write(tmp_path, odd_table(Table))
        assert self._read(path, columns=["flux", "id"]).colnames == ["flux", "id"]
        assert self._read(path, columns="u2").colnames == ["u2"]
        with pytest.raises(DatastoreError, match="nonsense"):
            self._read(path, columns=["nonsense"])


class TestFitsTable(TableSuite):
    formatter = "fits_table"
    storage_class = "SourceCatalog"

    def test_astropy_alone_reads_values_and_units(self, tmp_path):
        read = Table.read(self._write(tmp_path, odd_table(Table)), hdu="CATALOG")
        assert list(read["u2"]) == [0, 65535]
        assert read["flux"].unit == u.nJy

    def test_table_of_another_program_is_read(self, tmp_path):
        path = tmp_path / "theirs.fits"
        table = Table({"ra": [1.5, 2.5] * u.deg, "name": ["a", "b"]})
        table.write(path)
        read = self._read(path, columns=["ra"])
        assert (read.colnames, read["ra"].unit, read["ra"].tolist()) == (["ra"], u.deg, [1.5, 2.5])
        assert (self._read(path, "rowcount"), self._read(path, "columns")) == (2, ["ra", "name"])

    def test_object_that_is_no_text_is_refused(self):
        table = Table({"x": np.array([1, "a"], dtype=object)})
        with pytest.raises(FormatterError, match="'x'"):
            find_formatter("fits_table").to_bytes(table, StorageClasses().get("SourceCatalog"))


class TestParquetAstropy(TableSuite):
    formatter = "parquet"
    storage_class = "ArrowAstropy"


class TestParquetArrow(FormatterSuite):
    formatter = "parquet"
    storage_class = "ArrowTable"

    def objects(self):
        return [
            pa.table({"a": [1, None], "b": [[1.5], []], "c": ["x", None]}),
            pa.table({"a": pa.array([], pa.int16())}),
        ]

    def assert_component_equal(self, component, alone, whole):
        assert alone == {"columns": whole.column_names, "rowcount": whole.num_rows}[component]


class TestFitsImage(FormatterSuite):
    formatter = "fits_image"
    storage_class = "Image"

    def objects(self):
        return [
            np.arange(300 * 260, dtype=kind).reshape(300, 260)
            for kind in ("f4", "f8", "i2", "i4", "i8", "u1")
        ]

    def assert_equal(self, read, written):
        assert (read.dtype, read.flags.writeable) == (written.dtype, True)
        assert np.array_equal(read, written)

    def test_cube_is_refused(self):
        with pytest.raises(FormatterError, match="2 dimensions"):
            find_formatter("fits_image").to_bytes(np.zeros((2, 2, 2)), StorageClasses().get("Image"))


class TestFitsMask(FormatterSuite):
    formatter = "fits_image"
    storage_class = "Mask"

    def objects(self):
        mask = Mask.zeros((20, 300), {"lower": 4, "UP": 30})
        mask.set("UP", (3, 4))
        mask.set("new", (5, 6))
        return [mask, Mask.zeros((2, 3))]


class TestNpy(FormatterSuite):
    formatter = "npy"
    storage_class = "NumpyArray"

    def objects(self):
        return [np.arange(24.0).reshape(2, 3, 4), np.array(["a", "bc"]), np.zeros(0, "i2"), np.array(True)]

    def assert_equal(self, read, written):
        assert (read.dtype, read.shape) == (written.dtype, written.shape)
        assert np.array_equal(read, written)

    def test_pickled_objects_are_refused(self):
        with pytest.raises(FormatterError, match=r"[Oo]bject"):
            find_formatter("npy").to_bytes(np.array([{}]), StorageClasses().get("NumpyArray"))


class TestJson(FormatterSuite):
    formatter = "json"
    storage_class = "StructuredDataDict"

    def objects(self):
        return [{}, {"a": [1, 2.5, None, True, "ä"], "b": {"c": -1e-300}}, {"x": 0.1 + 0.2, "big": 2**70}]

    @pytest.mark.parametrize("value", [{1: "a"}, {"a": {2.5: 1}}, {"a": object()}])
    def test_value_that_would_not_come_back_is_refused(self, value):
        with pytest.raises(FormatterError):
            find_formatter("json").to_bytes(value, StorageClasses().get("StructuredDataDict"))


class TestYaml(TestJson):
    formatter = "yaml"

    @pytest.mark.parametrize("value", [{"a": object()}, {"a": np.zeros(2)}])
    def test_value_that_would_not_come_back_is_refused(self, value):
        with pytest.raises(FormatterError):
            find_formatter("yaml").to_bytes(value, StorageClasses().get("StructuredDataDict"))


class TestWcs(FormatterSuite):
    formatter = "wcs"
    storage_class = "Wcs"

    def objects(self):
        shaped = tan_wcs()
        shaped.array_shape = (40, 60)
        return [shaped, tan_wcs(sip=True)]

    def assert_equal(self, read, written):
        assert_same_sky(read, written)
        assert read.array_shape == written.array_shape


SMALL_VALUES = {
    "Background": [
        Background((7, 9)),
        Background.constant(3.25, (7, 9))
        + Background((7, 9), (BackgroundMesh(np.array([[1 / 3, 2], [4, 5.5]]), (4, 5), 1),)),
    ],
    "Box": [Box(-1, 2, 3, 4)],
    "PhotoCalib": [PhotoCalib(1 / 3, 1e-9)],
    "Psf": [Psf(1 / 3), Psf(kernel=np.random.default_rng(1).random((5, 7)))],
    "VisitInfo": [VisitInfo(), VisitInfo(id=2**60, airmass=1 / 3, object="é")],
    "Filter": ["r", "ü"],
    "TaskMetadata": [TaskMetadata({"a.b": 1, "a.c": [1, 2], "d": None}), TaskMetadata()],
    "ButlerLogRecords": [
        LogRecords(),
        LogRecords([LogRecord(1.5, 20, "a.b", "message ü", "x.py", 3, "boo")]),
    ],
    "Packages": [Packages({"numpy": "2.0"}), Packages.from_system()],
    "StructuredDataList": [[1, [2.5, {"a": None}]], []],
    "StructuredDataInt": [2**65],
}


@pytest.mark.parametrize("name", SMALL_VALUES)
@pytest.mark.parametrize("formatter", ["json", "yaml"])
def test_small_values_come_back_as_they_were(tmp_path, name, formatter):
    class Suite(FormatterSuite):
        storage_class = name

        def objects(self):
            return SMALL_VALUES[name]

    Suite.formatter = formatter
    Suite().test_objects_come_back_as_they_were(tmp_path)


class SubConfig(pexConfig.Config):
    radius = pexConfig.Field(doc="Radius [pixel].", dtype=float, default=4.0)


class ExampleConfig(pexConfig.Config):
    names = pexConfig.ListField(doc="Names.", dtype=str, default=["a"])
    sub = pexConfig.ConfigField(doc="Inner.", dtype=SubConfig)


@pytest.fixture
def config_module(monkeypatch):
    """A module that can be imported by name, which test modules can't."""
    module = ModuleType("example_config_module")
    for pytype in (SubConfig, ExampleConfig):
        setattr(module, pytype.__name__, pytype)
        monkeypatch.setattr(pytype, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_config_comes_back_with_its_class_and_values(store, hint, config_module):
    config = ExampleConfig()
    config.names = ["x", "y"]
    config.sub.radius = 2.5
    config.freeze()
    records = store.write(config, hint("Config"))
    read = store.read(records, "Config")
    assert type(read) is ExampleConfig
    assert read == config
    assert "config.sub.radius=2.5" in (find_formatter("config").to_bytes(config, None)).decode()


def test_config_class_inside_a_function_is_refused(store, hint):
    class Local(pexConfig.Config):
        pass

    with pytest.raises(FormatterError, match="local to a function"):
        store.write(Local(), hint("Config"))


def test_plot_is_written_as_a_picture_and_not_read_back(store, hint):
    from matplotlib.figure import Figure

    records = store.write(Figure(), hint("Plot"))
    assert Path(store.root, records[0].path).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FormatterError, match="can't be read back"):
        store.read(records, "Plot")


def test_other_programs_see_no_values_where_a_table_is_masked(tmp_path):
    hidden = [False, True, False]
    table = Table(
        {
            "id": MaskedColumn([-(2**63), 7, 3], mask=hidden),
            "flux": MaskedColumn([1.0, 2.0, 3.0], mask=hidden),
            "name": MaskedColumn(["a", "secret", "c"], mask=hidden),
            "number": MaskedColumn(np.array([1, 2, 3], np.int16), mask=hidden),
        }
    )
    formatter, storage_class = find_formatter("fits_table"), StorageClasses().get("SourceCatalog")
    path = tmp_path / "catalog.fits"
    path.write_bytes(formatter.to_bytes(table, storage_class))
    seen = Table.read(path, hdu="CATALOG")
    assert [seen[name][1] is np.ma.masked for name in ("id", "number", "flux")] == [True, True, True]
    assert seen["name"][1] in ("", np.ma.masked)
    assert (list(seen["id"][[0, 2]]), list(seen["number"][[0, 2]])) == ([-(2**63), 3], [1, 3])
    back = formatter.read(Source(str(path), str(path)), storage_class, parameters={})
    for name in table.colnames:
        assert back[name].mask.tolist() == hidden
        assert (back[name][[0, 2]] == table[name][[0, 2]]).all()
        assert back[name].dtype == table[name].dtype
