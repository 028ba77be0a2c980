"""Selects: find-first, order, limit, dimensions beyond the result; and that no table is read in vain."""

import itertools
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import String, column, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from registry.errors import InvalidQueryError
from registry.prepared import Prepared
from registry.query.names import Names
from registry.query.regions import candidate_select
from registry.query.select import data_id_select, record_select, sort_terms
from registry.query.value_rows import Glob, value_rows
from registry.spatial import point

CAM = {"data_id": {"instrument": "Cam"}}
CAT = [(1, "Cam", 1), (1, "Cam", 2), (2, "Cam", 1), (2, "Two", 1), (3, "Cam", 3), (4, "Cam", 2)]
CAT_RUN = [1, 1, 2, 2, 3, 3]


def tables(statement):
    """Names of the tables that a select reads."""
    return set(re.findall(r"(?:FROM|JOIN) \(?(\w+)", str(statement.compile(dialect=sqlite.dialect()))))


@pytest.fixture
def plan(world, explained):
    """Returns the steps in which the database answers a select."""

    def steps(statement):
        prepared = Prepared(statement, world.database.engine)
        return explained(world.database, prepared.sql, prepared.bind({}))

    return steps


def looked_up(step):
    """The columns that an index is asked for."""
    return set(re.findall(r"(\w+)=\?", step))


RAW_KEY = {"collection_id", "dataset_type_id", "instrument", "detector", "exposure"}


# Datasets


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    collections=st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True),
    find_first=st.booleans(),
    where=st.sampled_from(
        [
            "",
            "instrument = 'Cam'",
            "visit = 1 AND instrument = 'Cam'",
            "instrument = 'Two'",
            "visit.exposure_time > 20 AND instrument='Cam'",
        ]
    ),
)
def test_the_first_collection_that_has_a_data_id_gives_its_dataset(world, collections, find_first, where):
    keep = {
        "": lambda i, v: True,
        "instrument = 'Cam'": lambda i, v: i == "Cam",
        "visit = 1 AND instrument = 'Cam'": lambda i, v: (i, v) == ("Cam", 1),
        "instrument = 'Two'": lambda i, v: i == "Two",
        "visit.exposure_time > 20 AND instrument='Cam'": lambda i, v: i == "Cam" and v > 1,
    }[where]
    every = [
        (instrument, visit, number, CAT_RUN[number], rank)
        for rank, collection in enumerate(collections)
        for number, (held, instrument, visit) in enumerate(CAT)
        if held == collection and keep(instrument, visit)
    ]
    first = {row[:2]: row for row in reversed(every)}
    found = world.datasets("cat", collections, where, find_first=find_first, runs_only=False)
    shown = [(i, v, id_[-1], run) for i, v, id_, run in found]
    assert sorted(shown) == sorted({row[:4] for row in (first.values() if find_first else every)})


def test_in_run_collections_the_run_is_the_collection(world):
    assert sorted(world.datasets("cat", [1], **CAM)) == sorted(
        world.datasets("cat", [1], runs_only=False, **CAM)
    )
    assert "dataset" not in tables(world.dataset_statement("cat", [1], **CAM))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("run = 'c2'", {("Cam", 1), ("Two", 1)}),
        ("cat.run IN ('c3') AND collection = 'c4'", {("Cam", 2)}),
        ("collection = 'c1'", {("Cam", 1), ("Cam", 2)}),
        ("ingest_date > T'2026-01-01T00:00:03'", {("Cam", 3), ("Cam", 2)}),
        ("dataset_id = UUID('03030303-0303-0303-0303-030303030302')", {("Cam", 1)}),
        ("cat.dataset_id != :id AND run = 'c1'", {("Cam", 2)}),
    ],
)
def test_properties_of_datasets_can_be_queried(world, where, expected):
    import uuid

    bind = {"id": uuid.UUID(bytes=bytes([3] * 15 + [0]))}
    found = world.datasets("cat", [1, 2, 3, 4], where, find_first=False, runs_only=False, bind=bind)
    assert {row[:2] for row in found} == expected


def test_a_property_is_asked_of_the_dataset_that_was_found_first(world):
    assert world.datasets("cat", [1, 2], "run = 'c2' AND instrument = 'Cam'") == []
    assert len(world.datasets("cat", [2, 1], "run = 'c2' AND instrument = 'Cam'")) == 1


@pytest.mark.parametrize("collections", [[2], [1, 2]])
def test_other_dimensions_narrow_a_search_without_repeating_rows(world, collections):
    one = world.datasets("coadd", collections, "visit = 1 AND instrument = 'Cam'")
    # Visit 1 of Cam is in g and overlaps both patches of tract 0.
    assert sorted(row[:4] for row in one) == [("g", "sky", 0, 0), ("g", "sky", 0, 1)]
    some = world.datasets("coadd", collections, "visit IN (1..3) AND instrument IN ('Cam', 'Two')")
    assert sorted(row[:4] for row in some) == [(b, "sky", 0, p) for b, p in itertools.product("gr", range(2))]


def test_datasets_of_related_dimensions_are_not_related_again(world):
    group = world.universe.conform(["visit", "patch"])
    if "warp" not in world.groups:
        world.add_datasets("warp", ["visit", "patch"], [(1, 1, "Cam", "sky", 1, 0, 3)])
    assert group is world.groups["warp"][1]
    assert len(world.datasets("warp", [1])) == 1
    assert tables(world.dataset_statement("warp", [1])) == {"dataset_" + str(world.groups["warp"][0])}


def test_a_dataset_without_dimensions_is_found(world):
    assert [row[0][-1] for row in world.datasets("sky_info", [2, 1])] == [1]
    assert [row[0][-1] for row in world.datasets("sky_info", [1])] == [0]


def test_pixels_of_the_sky_are_searched_by_number_and_by_region(world):
    first = 8 * 4**7
    assert [row[0] for row in world.datasets("ref", [1], f"htm7 IN ({first + 3}..{first + 5})")] == [
        first + 3,
        first + 4,
        first + 5,
    ]
    from registry.spatial import circle, pixelization

    region = circle(*(x.asDegrees() for x in centre_of(pixelization("htm", 7).pixel(first + 7))), 0.3)
    expected = {
        i for i in range(first, first + 40) if pixelization("htm", 7).pixel(i).overlaps(region) is not False
    }
    found = world.datasets("ref", [1], "htm7.region OVERLAPS :here", bind={"here": region})
    assert {row[0] for row in found} == expected
    others = world.datasets("ref", [1], "NOT htm7.region OVERLAPS :here", bind={"here": region})
    assert {row[0] for row in others} == set(range(first, first + 40)) - expected


def centre_of(region):
    from lsst.sphgeom import LonLat

    position = LonLat(region.getBoundingCircle().getCenter())
    return position.getLon(), position.getLat()


# Which tables are read


@pytest.mark.parametrize(
    ("dimensions", "where", "expected"),
    [
        (["instrument"], "", {"instrument"}),
        (["detector"], "instrument = 'Cam'", {"detector"}),
        (["visit"], "instrument = 'Cam' AND visit = 1", {"visit", "physical_filter"}),
        (["exposure", "visit"], "instrument = 'Cam'", {"visit_definition", "exposure", "physical_filter"}),
        (
            ["visit", "patch"],
            "instrument = 'Cam' AND skymap = 'sky'",
            {"overlap_visit_patch", "visit", "physical_filter"},
        ),
        (["tract", "patch"], "skymap = 'sky'", {"patch"}),
    ],
)
def test_a_table_that_adds_nothing_is_left_out(world, dimensions, where, expected):
    group = world.universe.conform(dimensions)
    assert tables(data_id_select(world.schema, group, world.predicate(where, group))) == expected


def test_a_search_by_data_id_reads_the_dataset_table_only(world, plan):
    statement = world.dataset_statement(
        "raw", [1], data_id={"instrument": "Cam", "exposure": 101, "detector": 1}
    )
    number = world.groups["raw"][0]
    assert tables(statement) == {f"dataset_{number}"}
    (step,) = plan(statement)
    assert step.startswith(f"SEARCH dataset_{number} USING PRIMARY KEY")
    assert looked_up(step) == RAW_KEY


def test_a_find_first_search_by_data_id_scans_no_table(world, plan):
    data_id = {"instrument": "Cam", "exposure": 101, "detector": 1}
    steps = plan(world.dataset_statement("raw", [1, 2, 3], data_id=data_id))
    assert [
        step for step in steps if step.startswith("SCAN") and step.split()[1] in world.schema.metadata.tables
    ] == []
    assert any(looked_up(step) == RAW_KEY for step in steps)


def test_a_region_is_looked_up_by_the_index_of_circles(world, plan):
    steps = plan(candidate_select(world.schema, "patch", point(10.5, 0.5), {}))
    assert any("USING INDEX ix_patch_circle " in step for step in steps)


# Relations on the sky


def test_an_overlap_named_in_the_condition_replaces_the_automatic_one(world):
    automatic = world.data_ids(["visit", "patch"], "instrument='Cam' AND skymap='sky'")
    by_tract = world.data_ids(
        ["visit", "patch"], "visit.region OVERLAPS tract.region AND instrument='Cam' AND skymap='sky'"
    )
    assert {row[:5] for row in automatic} == {("Cam", "sky", 0, 0, 1), ("Cam", "sky", 0, 1, 1)}
    assert len(by_tract) > len(automatic)
    assert {(row[4], row[2]) for row in by_tract} == overlapping(world, "visit", "tract")


def overlapping(world, a, b, *, negated=False):
    return {
        (x[a], y[b])
        for x in world.records[a]
        for y in world.records[b]
        if x["instrument"] == "Cam"
        and x["region"]
        and (x["region"].overlaps(y["region"]) is not False) != negated
    }


def test_an_overlap_under_or_or_not_is_a_condition_like_others(world):
    common = "instrument='Cam' AND skymap='sky' AND visit.region OVERLAPS tract.region AND "
    group = ["visit", "tract"]
    assert world.data_ids(group, common + "NOT visit.region OVERLAPS tract.region") == []
    either = world.data_ids(group, common + "(visit.region OVERLAPS tract.region OR visit = 99)")
    assert {(row[3], row[2]) for row in either} == overlapping(world, "visit", "tract")
    patches = world.data_ids(["visit", "patch"], common + "NOT visit.region OVERLAPS patch.region")
    assert {(row[4], row[2], row[3]) for row in patches} == {
        (v, r["tract"], r["patch"])
        for v, t in overlapping(world, "visit", "tract")
        for r in world.records["patch"]
        if r["tract"] == t
        and next(x for x in world.records["visit"] if (x["instrument"], x["visit"]) == ("Cam", v))[
            "region"
        ].overlaps(r["region"])
        is False
    }


@pytest.mark.parametrize("dimensions", [["htm7"], ["htm7", "visit"]])
def test_pixels_of_the_sky_cannot_be_listed(world, dimensions):
    with pytest.raises(InvalidQueryError, match=r"htm7"):
        world.data_ids(dimensions, **CAM)


# Order and limit


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (["visit"], [1, 2, 3]),
        (["-visit"], [3, 2, 1]),
        (["seq_num"], [2, 1, 3]),  # unknown first
        (["-visit.seq_num"], [3, 1, 2]),
        (["band", "-visit.timespan.begin"], [3, 1, 2]),
        (["-timespan"], [3, 2, 1]),
        (["visit % 2", "-exposure_time"], [2, 3, 1]),
    ],
)
def test_rows_are_sorted_by_names_of_columns(world, order_by, expected):
    assert [row[1] for row in world.data_ids(["visit"], order_by=order_by, **CAM)] == expected
    assert [row[1] for row in world.record_keys("visit", order_by=order_by, **CAM)] == expected


def test_order_and_limit_hold_for_rows_that_had_to_be_made_distinct(world):
    options = {"order_by": ["-instrument.class_name", "band"], **CAM}
    found = world.data_ids(["physical_filter"], "visit > 0", **options)
    assert [row[1] for row in found] == ["Cam-g", "Cam-r"]
    assert world.data_ids(["physical_filter"], "visit > 0", limit=1, **options) == found[:1]
    assert len(world.data_ids(["physical_filter"], "visit > 0", limit=5, **CAM)) == 2


def test_a_limit_cuts_off_the_same_rows_each_time(world):
    assert [row[1] for row in world.data_ids(["visit"], limit=2, **CAM)] == [1, 2]
    assert [row[:3] for row in world.datasets("raw", [1], limit=2, **CAM)] == [
        ("Cam", 0, 100),
        ("Cam", 0, 101),
    ]
    assert len(world.record_keys("patch", limit=1, data_id={"skymap": "sky"})) == 1
    assert world.data_ids(["visit"], limit=0, **CAM) == []


@pytest.mark.parametrize("order_by", ["vizit", "visit.region", "-"])
def test_what_cannot_be_sorted_by_is_refused(world, order_by):
    with pytest.raises(InvalidQueryError):
        world.data_ids(["visit"], order_by=[order_by], **CAM)


def test_the_data_id_without_dimensions_exists_once(world):
    assert len(world.data_ids([])) == 1
    assert world.data_ids([], "instrument = 'None'") == []


def test_records_keep_all_their_columns(world):
    element = world.universe["detector"]
    statement = record_select(
        world.schema,
        element,
        world.predicate("detector = 0", element.dimensions, data_id={"instrument": "Cam"}),
    )
    (row,) = world.database.fetch(statement)
    assert dict(zip(element.column_names, row, strict=True)) == {
        "instrument": "Cam", "detector": 0, "full_name": "S0", "name_in_raft": None, "raft": None, "purpose": "SCIENCE",
    }  # fmt: skip


def test_no_collections_hold_no_datasets(world):
    assert world.datasets("raw", [], find_first=False) == []
    assert world.datasets("raw", []) == []


# Many values


def test_many_values_go_into_one_parameter(world):
    bind = {"visits": range(2, 5000), "names": [f"v0{i}" for i in range(2, 999)]}
    assert [row[1] for row in world.data_ids(["visit"], "visit IN (:visits)", bind=bind, **CAM)] == [2, 3]
    assert [row[1] for row in world.data_ids(["visit"], "visit NOT IN (:visits)", bind=bind, **CAM)] == [1]
    assert [row[1] for row in world.data_ids(["visit"], "visit.name IN (:names)", bind=bind, **CAM)] == [2, 3]


@pytest.mark.parametrize(
    ("statement", "sql"),
    [
        (
            value_rows([("a", 1)], ["string", "int"]),
            (
                "SELECT CAST((anon_1.value ->> 0) AS VARCHAR) AS v0, CAST((anon_1.value ->> 1) AS BIGINT) AS v1 "
                "FROM jsonb_array_elements(CAST(%(param_1)s AS JSONB)) AS anon_1"
            ),
        ),
        (select(literal(1)).where(Glob(column("a", String), "x*.?")), "(a ~ %(param_2)s::VARCHAR)"),
    ],
)
def test_postgresql_has_its_own_spelling(statement, sql):
    text = " ".join(str(statement.compile(dialect=postgresql.dialect())).split())
    assert sql.replace("::VARCHAR", "") in text.replace("::VARCHAR", "")


@pytest.mark.parametrize(
    "where",
    [
        "instrument = 'Cam' AND visit.region OVERLAPS CIRCLE(10.5, 0.5, 1)",
        "instrument = 'Cam' AND NOT visit.region OVERLAPS CIRCLE(10.5, 0.5, 1) AND GLOB(visit.name, 'v*')",
        "instrument = 'Cam' AND skymap = 'sky' AND (NOT visit.region OVERLAPS patch.region OR patch = 3)",
        "instrument = 'Cam' AND visit / 2 > 1 AND visit.timespan OVERLAPS (T'58000', NULL)",
    ],
)
def test_every_select_can_be_written_for_both_databases(world, where):
    group = world.universe.conform(["visit", "detector"])
    predicate = world.predicate(where, group)
    statements = [
        data_id_select(
            world.schema, group, predicate, order=sort_terms(["-visit.seq_num"], Names(group)), limit=3
        ),
        record_select(world.schema, world.universe["visit"], predicate),
        world.dataset_statement("cat", [1, 4], where, runs_only=False),
    ]
    for statement in statements:
        for dialect in (sqlite.dialect(), postgresql.dialect()):
            assert "SELECT" in str(statement.compile(dialect=dialect))


def test_keys_found_by_region_are_looked_up_in_the_key_of_the_datasets(world, plan):
    where = "instrument = 'Cam' AND visit.region OVERLAPS CIRCLE(10.5, 0.5, 1)"
    steps = plan(world.dataset_statement("cat", [1], where))
    table = f"dataset_{world.groups['cat'][0]}"
    # PostgreSQL compares the visits of so few rows after it has found them by the instrument.
    asked = "visit" if world.database.dialect.name == "sqlite" else "instrument"
    assert any(
        step.startswith(f"SEARCH {table} USING PRIMARY KEY") and asked in looked_up(step) for step in steps
    )


# Long expressions


def test_an_expression_of_thousands_of_alternatives_is_answered(world):
    same = " OR ".join(f"visit = {i}" for i in range(2, 1100))
    other = " OR ".join(f"(visit = {i} AND detector = {i % 2})" for i in range(2, 1100))
    assert [row[1] for row in world.data_ids(["visit"], same, **CAM)] == [2, 3]
    assert [row[1:3] for row in world.data_ids(["visit", "detector"], other, **CAM)] == [(0, 2), (1, 3)]
    none = " AND ".join(f"visit + {i} != 3" for i in range(1100))
    assert [row[1] for row in world.data_ids(["visit"], none, **CAM)] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("visit = " + "1 + " * 3000 + "1", "nested too deeply"),
        (" OR ".join(f"visit + {i} = 3" for i in range(15001)), "more than 30000 values"),
        ("visit IN (1..99999999999999999999)", "does not fit in 64 bits"),
    ],
    ids=["deep", "long", "wide"],
)
def test_an_expression_beyond_the_limits_of_databases_is_refused(world, text, message):
    with pytest.raises(InvalidQueryError, match=message):
        world.data_ids(["visit"], text, **CAM)
