"""A user's universe: every fault is told, and what is told to be right works."""

from importlib.resources import files

import pytest
import yaml

from registry.dimensions.universe import DimensionUniverse
from registry.dimensions.validation import TABLES, faults
from registry.errors import InvalidUniverseError
from registry.registry import Registry

GOOD = """
namespace: mine
version: 1
skypix: {healpix: 9}
spatial: {fields: [field]}
temporal: {nights: [night]}
aliases: {site: telescope}
elements:
  telescope: {doc: Where., governor: true, keys: [{name: name, type: string, length: 32}]}
  night: {requires: [telescope], keys: [{name: id, type: int}], metadata: [{name: seeing, type: float}]}
  field: {requires: [telescope], implies: [night], keys: [{name: id, type: int}, {name: label, type: string}]}
  field_pair: {requires: [field, night], always_join: true, populated_by: field}
"""


def test_the_built_in_universe_has_no_fault():
    text = files("registry.dimensions").joinpath("universe.yaml").read_text(encoding="utf-8")
    assert faults(yaml.safe_load(text)) == []


def test_a_universe_without_faults_makes_a_registry(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD)
    universe = DimensionUniverse.from_file(tmp_path / "mine.yaml")
    with Registry.create("sqlite://", universe=universe) as registry:
        registry.insert_dimension_records("telescope", [{"name": "T"}])
        assert registry.universe.namespace == "mine"


def test_names_of_the_registrys_tables_are_known():
    from sqlalchemy import MetaData

    from registry.dialects.base import dialect_for
    from registry.schema.tables import FixedTables

    metadata = MetaData()
    FixedTables(metadata, dialect_for("sqlite://"))
    assert {table.name for table in metadata.sorted_tables} <= TABLES


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("namespace: mine", "namespace: [1]", "'namespace' is no name"),
        ("version: 1", "version: one", "'version' is no whole number: 'one'"),
        ("version: 1", "verson: 1", "no 'verson' in a universe; did you mean 'version'"),
        ("version: 1", "", "'version' is missing"),
        ("healpix: 9", "healpix: 99", "'healpix' have levels 0 to 17, not 99"),
        ("healpix: 9", "q3c: 9", "no sky pixels 'q3c'"),
        ("skypix: {healpix: 9}", "skypix: [1]", "'skypix' is no mapping"),
        ("fields: [field]", "fields: [feild]", "'feild', which is not defined; did you mean 'field'"),
        ("fields: [field]", "fields: field", "family 'fields' is no list"),
        ("fields: [field]", "fields: [field], more: [field]", "'field' is in the spatial families twice"),
        ("site: telescope", "site: telescop", "stands for 'telescop', which is not defined"),
        ("site: telescope", "night: telescope", "Alias 'night' is the name of an element"),
        ("  night:", "  Night:", "'Night' cannot name an element"),
        ("  night:", f"  {'n' * 27}:", "at most 26"),
        ("  night:", "  dataset:", "it is a table of the registry"),
        ("governor: true", "governer: true", "no 'governer'; did you mean 'governor'"),
        ("governor: true", "governor: maybe", "'governor' of element 'telescope' is no bool: 'maybe'"),
        ("implies: [night]", "implies: [nite]", "'field' implies 'nite', which is not defined"),
        ("implies: [night]", "implies: [field_pair]", "which has no keys"),
        ("populated_by: field", "populated_by: feild", "'populated_by' of element 'field_pair'"),
        ("requires: [field, night], ", "", "'field_pair' has neither keys"),
        ("type: float", "type: complex", "night.seeing has the unknown type 'complex'"),
        ("name: seeing", "name: telescope", "night.telescope is there already"),
        ("name: label", "name: id", "field.id is there already"),
        ("name: seeing", "name: 3x", "'3x' cannot name a column"),
        ("length: 32", "lenght: 32", "no 'lenght'; did you mean 'length'"),
        ("length: 32", "length: long", "'length' of column telescope.name is no int"),
        (
            "keys: [{name: id, type: int}], m",
            "keys: [{name: id, type: float}], m",
            "first key of element 'night'",
        ),
        ("metadata: [{name: seeing, type: float}]", "metadata: [seeing]", "no mapping: 'seeing'"),
        ("governor: true, ", "requires: [field], ", "telescope -> field -> telescope"),
        ("  field_pair: {", "  field_pair: 5 #{", "'field_pair' is no mapping: 5"),
    ],
)
def test_each_fault_is_told_alone(tmp_path, old, new, message):
    assert old in GOOD
    (tmp_path / "mine.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InvalidUniverseError) as caught:
        DimensionUniverse.from_file(tmp_path / "mine.yaml")
    assert message in str(caught.value)
    assert "mine.yaml" in str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        (  # the values of c are in the records of a, which come with those of b, which need c
            "a: {implies: [c], KEY}, b: {requires: [c], implies: [a], KEY}, c: {KEY}",
            "'a' is implied by 'b', 'b' requires 'c', 'c' is implied by 'a'",
        ),
        (
            "a: {requires: [c], implies: [d], KEY}, b: {requires: [d], implies: [c], KEY}, c: {KEY}, d: {KEY}",
            "'a' requires 'c', 'c' is implied by 'b', 'b' requires 'd', 'd' is implied by 'a'",
        ),
        ("a: {implies: [b], KEY}, b: {implies: [a], KEY}", "Elements depend on each other: a -> b -> a."),
        ("a: {view_of: a, KEY}", "'a' is a view of 'a', which does not imply it"),
        ("a: {implies: [b], KEY}, b: {requires: [c], view_of: a, KEY}, c: {KEY}", "but has requires."),
    ],
)
def test_values_that_can_come_from_nowhere_are_one_fault(elements, message):
    text = f"{{namespace: x, version: 1, elements: {{{elements}}}}}".replace(
        "KEY", "keys: [{name: id, type: int}]"
    )
    found = faults(yaml.safe_load(text))
    assert [message in fault.sentence for fault in found] == [True], found


def test_a_registry_is_not_made_with_a_universe_that_python_made_with_faults():
    text = GOOD.replace("implies: [night]", "implies: [night], view_of: telescope")
    with pytest.raises(
        InvalidUniverseError, match="'field' is a view of 'telescope', which does not imply it"
    ):
        Registry.create("sqlite://", universe=DimensionUniverse.from_yaml(text))


def test_a_universe_in_the_form_of_the_reference_is_read(tmp_path):
    (tmp_path / "theirs.yaml").write_text("""
version: 3
skypix:
  common: htm7
  htm: {class: lsst.sphgeom.HtmPixelization, max_level: 12}
elements:
  instrument: {governor: true, keys: [{name: name, type: string, length: 16}], storage: {cls: a.B}}
  band:
    keys: [{name: name, type: string, length: 32}]
    storage: {cls: a.Caching, nested: {cls: a.Query, view_of: physical_filter}}
  physical_filter: {requires: [instrument], implies: [band], keys: [{name: name, type: string, length: 32}]}
  visit: {requires: [instrument], implies: [physical_filter], keys: [{name: id, type: int}]}
  skymap: {governor: true, keys: [{name: name, type: string}, {name: hash, type: hash, nbytes: 40}]}
topology:
  spatial: {observations: [visit]}
  temporal: {observations: [visit]}
packers:
  visit_band: {fixed: [instrument], dimensions: [instrument, visit], cls: a.Packer}
""")
    universe = DimensionUniverse.from_file(tmp_path / "theirs.yaml")
    assert (universe.namespace, universe.version) == ("daf_butler", 3)
    assert universe["abstract_filter"].view_of == "physical_filter"
    assert universe["visit"].spatial == universe["visit"].temporal == "observations"
    assert universe["skymap"].alternate_keys[0].length == 40
    assert "htm12" in universe
    assert "htm13" not in universe
    with Registry.create("sqlite://", universe=universe) as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        registry.insert_dimension_records(
            "physical_filter", [{"instrument": "Cam", "name": "r1", "band": "r"}]
        )
        assert [row["band"] for row in registry.query_data_ids(["band"])] == ["r"]


def test_all_faults_are_told_at_once(tmp_path):
    text = GOOD.replace("version: 1", "version: x").replace("healpix: 9", "healpix: 99")
    text = text.replace("governor: true, ", "requires: [field], ").replace("type: float", "type: complex")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InvalidUniverseError) as caught:
        DimensionUniverse.from_file(tmp_path / "mine.yaml")
    faults = str(caught.value).splitlines()[1:]
    lines = {n: text.splitlines()[n - 1].split(":")[0] for n in range(1, text.count("\n") + 1)}
    told = [(lines[int(fault.split()[1].strip(":"))].strip(), fault) for fault in faults]
    assert [place for place, _ in told] == [
        "version",
        "skypix",
        "telescope",
        "telescope",
        "night",
    ]  # in two rings
    assert "depend on each other" in told[2][1]


@pytest.mark.parametrize("text", ["[1, 2", "just text", "a: [", "elements: {}", "\0"])
def test_what_is_no_universe_at_all_is_told(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InvalidUniverseError, match=r"mine\.yaml"):
        DimensionUniverse.from_file(tmp_path / "mine.yaml")
