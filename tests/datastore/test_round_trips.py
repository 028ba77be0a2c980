"""Tables and exposures of any content come back as they were."""

import astropy.units as u
import numpy as np
from astropy.table import MaskedColumn, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from datastore.formatters.base import find_formatter
from datastore.locations import Source
from datastore.storage_class import StorageClasses
from datastore.types.exposure import Exposure
from datastore.types.mask import Mask

bounded = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(endianness="="), hnp.unsigned_integer_dtypes(endianness="="),
    hnp.floating_dtypes(endianness="=", sizes=(16, 32, 64)), hnp.complex_number_dtypes(endianness="=", sizes=(64, 128)),
)  # fmt: skip
plain_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | plain_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 4))
    table = Table(meta=draw(st.dictionaries(plain_text, json_values, max_size=3)))
    for name in draw(st.lists(st.sampled_from(["a", "A", "c 1", "é"]), unique=True, max_size=4)):
        if draw(st.booleans()):
            shape = (rows, *draw(st.sampled_from([(), (2,), (2, 3)])))
            table[name] = draw(hnp.arrays(draw(numbers), shape))
        else:
            values = draw(st.lists(plain_text, min_size=rows, max_size=rows))
            table[name] = np.array(values, dtype="U6")
        if draw(st.booleans()):
            table[name] = MaskedColumn(table[name], mask=draw(hnp.arrays("?", table[name].shape)))
        if table[name].dtype.kind in "iuf":
            table[name].unit = draw(st.sampled_from([None, u.nJy, u.ABmag, u.km / u.s**2]))
        table[name].description = draw(st.none() | plain_text.filter(len))
    return table


def through(tmp_path, formatter, storage_class, obj):
    found, wanted = find_formatter(formatter), StorageClasses().get(storage_class)
    path = tmp_path / "file"
    path.write_bytes(found.to_bytes(obj, wanted))
    return found.read(Source(str(path), str(path)), wanted, parameters={})


def assert_same(read, written):
    assert (read.colnames, read.meta) == (written.colnames, written.meta)
    for name in written.colnames:
        a, b = read[name], written[name]
        assert (a.dtype, a.shape, a.unit, a.description) == (b.dtype, b.shape, b.unit, b.description)
        mask = np.ma.getmaskarray(b)
        assert np.array_equal(np.ma.getmaskarray(a), mask)
        exact = b.dtype.kind in "fc"
        assert np.array_equal(np.asarray(a.data)[~mask], np.asarray(b.data)[~mask], equal_nan=exact)


@bounded
@given(tables())
def test_tables_survive_fits(tmp_path, table):
    assert_same(through(tmp_path, "fits_table", "SourceCatalog", table), table)


@bounded
@given(tables())
def test_tables_survive_parquet(tmp_path, table):
    assert_same(through(tmp_path, "parquet", "ArrowAstropy", table), table)


@bounded
@given(
    hnp.arrays(
        st.sampled_from(["f4", "f8"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=300).filter(lambda s: s[0] * s[1] < 2000),
        elements=st.floats(width=32),
        fill=st.just(0.5),
    ),
    st.dictionaries(plain_text, json_values, max_size=4),
    st.integers(-(10**6), 10**6),
)
def test_exposures_survive_fits(tmp_path, image, metadata, x0):
    mask = Mask((np.arange(image.size, dtype="i8") * 7919 % 2**31).astype("i4").reshape(image.shape))
    written = Exposure(image, mask, image[::-1].copy(), metadata=metadata, x0=x0)
    read = through(tmp_path, "fits_exposure", "Exposure", written)
    assert (read.image.dtype, read.image.tobytes()) == (image.dtype, image.tobytes())
    assert read.variance.tobytes() == written.variance.tobytes()
    assert (read.mask, read.metadata, read.bbox) == (mask, metadata, written.bbox)


@bounded
@given(st.dictionaries(plain_text, json_values, max_size=4))
def test_dictionaries_survive_json(tmp_path, value):
    assert through(tmp_path, "json", "StructuredDataDict", value) == value
