"""Query: what is joined and demanded step by step, and the results, made, counted, exported and explained."""

import copy
import importlib.util
import pickle
import uuid

import pytest
from astropy.table import Table
from lsst.sphgeom import HtmPixelization

from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions import DataCoordinate
from registry.errors import (
    DataIdError,
    InvalidQueryError,
    MissingCollectionError,
    MissingDatasetTypeError,
    UnknownDimensionError,
)
from registry.query import pixels
from registry.timespan import Timespan


@pytest.fixture
def query(two_run_registry):
    """A query of a registry with calexp in runs first (visits 1-3) and second (visit 3), and bias in both."""
    with two_run_registry.query() as made:
        yield made


def pairs(data_ids, *names):
    return [tuple(each[name] for name in names) for each in data_ids]


# Joining


def test_data_ids_are_those_that_datasets_exist_for(query):
    both = query.join_dataset_search("calexp", ["first", "second"])
    assert both.constraint_dataset_types == {"calexp"}
    assert set(both.constraint_dimensions.required) == {"instrument", "visit", "detector"}
    assert sorted(pairs(both.data_ids(), "visit", "detector")) == [(v, d) for v in (1, 2, 3) for d in (0, 1)]
    assert pairs(both.data_ids(["visit"]).order_by("-visit"), "visit") == [(3,), (2,), (1,)]
    assert pairs(query.join_dataset_search("calexp", "second").data_ids("visit"), "visit") == [(3,)]
    assert len(list(query.data_ids(["visit"]))) == 4


def test_implied_values_are_known(query):
    (data_id,) = query.where("visit = 2").data_ids("visit")
    assert data_id.hasFull()
    assert (data_id["band"], data_id["physical_filter"]) == ("r", "r1")
    refs = list(query.datasets("calexp", "first").where(visit=2))
    assert {ref.dataId["band"] for ref in refs} == {"r"}
    assert not refs[0].dataId.hasRecords()


def test_several_dataset_types_can_be_joined(query):
    joined = query.join_dataset_search("calexp", "second").join_dataset_search("bias", "first")
    assert pairs(joined.data_ids(), "visit", "detector") == [(3, 0), (3, 1)]
    (ref,) = joined.where("bias.run = 'first' AND calexp.run = 'second' AND detector = 1").datasets("bias")
    assert (ref.run, ref.dataId["detector"]) == ("first", 1)
    with pytest.raises(InvalidQueryError, match="in other collections already"):
        joined.datasets("calexp", "first")
    with pytest.raises(InvalidQueryError, match=r"ambiguous: write one of bias\.run, calexp\.run"):
        joined.where("run = 'first'")


def test_given_data_ids_restrict(query):
    given = [{"instrument": "Cam", "visit": v} for v in (2, 4, 9, 2)]
    joined = query.join_data_coordinates(given)
    assert pairs(joined.data_ids(["visit", "detector"]).where("detector = 0"), "visit") == [(2,), (4,)]
    assert [r.id for r in joined.dimension_records("visit").order_by("visit")] == [2, 4]
    refs = joined.datasets("calexp", ["first", "second"])
    assert pairs((ref.dataId for ref in refs.order_by("detector")), "visit", "detector") == [(2, 0), (2, 1)]
    universe = query.source.universe
    assert query.join_data_coordinates([DataCoordinate.make_empty(universe)]).data_ids("visit").count() == 4
    with pytest.raises(InvalidQueryError, match="no data IDs to join"):
        query.join_data_coordinates([])
    with pytest.raises(InvalidQueryError, match="Data IDs are of"):
        query.join_data_coordinates([{"instrument": "Cam"}, {"instrument": "Cam", "visit": 1}])


def test_the_rows_of_a_table_restrict(query):
    table = Table({"instrument": ["Cam", "Cam"], "visit": [1, 4]})
    joined = query.join_dataset_search("calexp", "first").join_data_coordinate_table(table)
    assert pairs(joined.data_ids(), "visit", "detector") == [(1, 0), (1, 1)]
    with pytest.raises(UnknownDimensionError, match="did you mean 'visit'"):
        query.join_data_coordinate_table(Table({"vist": [1]}))


def test_conditions_can_be_written_in_python(query, sky_square):
    x = query.expression_factory
    visits = query.data_ids("visit").where(x.instrument == "Cam")

    def found(*conditions):
        return [data_id["visit"] for data_id in visits.where(*conditions).order_by(x.visit)]

    assert found(x.visit.exposure_time > 20, x.band == "g") == [3]
    assert found(x.any(x.visit == 1, x.all(x.visit >= 3, x.visit != 4))) == [1, 3]
    assert found(x.not_(x.visit.in_iterable([1, 2]))) == [3, 4]
    assert found(x.visit.in_range(1, 4, 2)) == [1, 3]
    assert found(x.visit.seq_num.is_null, x.visit < 2) == [1]
    assert found(x.visit.timespan.overlaps(Timespan.from_ns(120, 210))) == [2, 3]
    assert found(x.visit.timespan.begin <= x.visit.timespan.end, x.literal(3) == x.visit) == [3]
    assert found(x.visit.region.overlaps(sky_square(10, 0, 0.1))) == [1]
    newest = visits.order_by(x.visit.exposure_time.desc).limit(1)
    assert [data_id["visit"] for data_id in newest] == [4]
    datasets = query.datasets("calexp", ["first", "second"], find_first=False).where(x.instrument == "Cam")
    assert {ref.run for ref in datasets.where(x["calexp"].run == "second")} == {"second"}


def test_conditions_of_python_are_checked_and_bound(query):
    x = query.expression_factory
    with pytest.raises(InvalidQueryError, match="did you mean 'exposure_time'"):
        query.data_ids("visit").where(x.visit.exposure_tim > 20)
    with pytest.raises(InvalidQueryError, match="neither true nor false"):
        query.where(1 < x.visit < 3)
    assert (
        not query.data_ids("detector").where(x.instrument == "Cam", x.detector.full_name == "A' OR 1=1").any()
    )


def test_given_data_ids_name_their_instrument(query, two_run_registry):
    two_run_registry.insert_dimension_records("instrument", [{"name": "Two"}])
    with pytest.raises(InvalidQueryError, match="names visit but no instrument"):
        list(query.where("visit > 1").data_ids("visit"))
    given = query.join_data_coordinates([{"instrument": "Cam", "visit": v} for v in (1, 2)])
    assert pairs(given.where("visit > 1").data_ids("visit"), "visit") == [(2,)]


def test_a_materialized_query_is_answered_from_what_was_kept(query, two_run_registry):
    kept = query.join_dataset_search("calexp", "first").where("visit > 1").materialize()
    assert kept.constraint_dataset_types == {"calexp"}
    two_run_registry.remove_datasets([ref.id for ref in two_run_registry.query_datasets("calexp", "first")])
    assert kept.materialize(datasets=()).data_ids(["visit"]).count() == 0
    bare = query.where("visit > 1").materialize(dimensions=["visit"])
    assert sorted(pairs(bare.data_ids(["visit", "detector"]).where(detector=2), "visit")) == [
        (2,),
        (3,),
        (4,),
    ]
    assert pairs(bare.where("visit < 3").data_ids(), "visit") == [(2,)]
    assert query.join_dataset_search("bias", ()).materialize().data_ids().count() == 0
    with pytest.raises(InvalidQueryError, match="does not search for raw"):
        query.materialize(datasets=["raw"])
    with pytest.raises(InvalidQueryError, match="does not hold the dimensions of 'bias'"):
        query.join_dataset_search("bias", "first").materialize(dimensions=["instrument"])


def test_what_was_kept_is_gone_after_the_block(two_run_registry):
    with two_run_registry.query() as query:
        kept = query.join_dimensions("visit").materialize().data_ids()
        plain = query.data_ids("visit")
        assert kept.count() == 4
    with pytest.raises(InvalidQueryError, match="has ended"):
        kept.count()
    assert plain.count() == 4


def test_defaults_stand_in_for_what_is_not_said(two_run_registry):
    two_run_registry.insert_dimension_records("instrument", [{"name": "Two"}])
    options = {
        "default_collections": lambda name: [f"{name}*", "second"],
        "default_data_id": {"instrument": "Cam"},
    }
    with two_run_registry.query(**options) as query:
        assert pairs(query.where("visit > 3").data_ids("visit"), "visit") == [(4,)]
        assert query.datasets("calexp").count() == 2
    with two_run_registry.query() as query, pytest.raises(InvalidQueryError, match="Name the collections"):
        query.datasets("calexp").count()


# Results


def test_results_are_counted_and_tested_without_being_made(query):
    found = query.datasets("calexp", ["second", "first"])
    assert (found.count(), found.limit(4).count(), found.count(exact=False)) == (6, 4, 6)
    assert query.datasets("calexp", ["second", "first"], find_first=False).count() == 8
    assert found.any()
    assert found.data_ids.count() == 6
    nothing = found.where("visit = 4")
    assert (nothing.count(), nothing.any(), nothing.any(execute=False)) == (0, False, True)
    assert not query.datasets("calexp", ()).any(execute=False)
    assert not found.limit(0).any()
    assert query.where("visit = 1").any()
    assert not query.where("visit = 9").any()
    assert [query.data_ids([]).count(), next(iter(query.data_ids([]))).dimensions.names] == [1, ()]


def test_a_limited_answer_is_the_same_each_time(query, two_run_registry):
    for collections in (["second", "first"], ["first", "second"]):
        found = query.datasets("calexp", collections, find_first=False).limit(7)
        at_visit_3 = [(ref.dataId["detector"], ref.run) for ref in found if ref.dataId["visit"] == 3]
        assert at_visit_3 == [(0, "first"), (0, "second"), (1, "first")]  # the older one comes first


def test_records_are_shared_between_data_ids(query):
    refs = list(query.datasets("calexp", "first").with_dimension_records().order_by("visit", "detector"))
    first, second = (ref.dataId.records for ref in refs[:2])
    assert first["visit"] is second["visit"]
    assert (first["visit"].exposure_time, second["detector"].full_name) == (10.0, "B")
    assert first["visit_detector_region"] is None
    data_ids = list(query.data_ids(["visit", "detector"]).with_dimension_records())
    assert all(each.records["detector"].id == each["detector"] for each in data_ids)
    assert all(each.hasRecords() for each in data_ids)
    assert len(data_ids) == 12


def test_a_data_id_has_records_of_its_own_or_none(two_run_registry, sky_square):
    regions = {(1, 0): sky_square(10, 5, 1), (3, 1): None}
    two_run_registry.insert_dimension_records(
        "visit_detector_region",
        [{"instrument": "Cam", "visit": v, "detector": d, "region": r} for (v, d), r in regions.items()],
    )
    with two_run_registry.query() as query:
        refs = list(query.datasets("calexp", "first").with_dimension_records().where("visit IN (1, 3)"))
        data_ids = list(query.data_ids(["visit", "detector"]).with_dimension_records())
        visits = list(query.data_ids(["visit"]).with_dimension_records())
    two_run_registry.close()
    for data_id in [*(ref.dataId for ref in refs), *data_ids]:
        key = data_id["visit"], data_id["detector"]
        record = data_id.records["visit_detector_region"]
        assert (record is not None) == (key in regions)
        if record is not None:
            assert (record.visit, record.detector, record.region) == (*key, regions[key])
            assert record is data_id.records["visit_detector_region"]
    assert [each.records["visit"].name for each in sorted(visits)] == ["v0", "v1", "v2", "v3"]


def test_refs_of_a_query_are_like_others(query):
    def found():
        return list(query.datasets("calexp", "first").with_dimension_records().order_by("visit", "detector"))

    made = [DatasetRef(ref.datasetType, ref.dataId, ref.run, id=ref.id) for ref in found()]
    assert found() == made
    assert set(found()) == set(made)
    assert sorted(found()) == sorted(made)
    assert list(map(str, found())) == list(map(str, made))
    assert pickle.loads(pickle.dumps(found())) == copy.deepcopy(found()) == made
    unpickled = pickle.loads(pickle.dumps(found()[0]))
    assert unpickled.dataId.records == made[0].dataId.records
    assert not hasattr(found()[0], "data_id")
    assert found()[0].expanded(made[0].dataId) == made[0]


def test_results_refuse_what_they_cannot_be_sorted_or_cut_by(query):
    found = query.data_ids("physical_filter")
    for limit in (-1, 2**63, "x", 1.5, True):
        with pytest.raises(InvalidQueryError, match="A limit is a whole number or None"):
            found.limit(limit)
    with pytest.raises(InvalidQueryError, match=r"cannot be sorted by 'visit\.exposure_time'"):
        found.order_by("visit.exposure_time")
    with pytest.raises(InvalidQueryError, match="5 is of type int"):
        found.where(5)


def test_names_are_checked_at_once(query):
    with pytest.raises(MissingDatasetTypeError, match="did you mean 'calexp'"):
        query.datasets("calex", "first")
    with pytest.raises(MissingCollectionError, match="did you mean 'first'"):
        query.join_dataset_search("calexp", ["frist"])
    with pytest.raises(InvalidQueryError, match="No instrument 'Can' is registered; did you mean 'Cam'"):
        query.where("visit = 1 AND instrument = 'Can'")
    with pytest.raises(DataIdError, match="No instrument 'Can' is registered; did you mean 'Cam'"):
        query.data_ids("visit").where(instrument="Can")


def test_general_results_are_rows_of_columns(query):
    joined = query.join_dataset_search("calexp", ["second", "first"])
    found = joined.general(
        ["visit"], "detector.full_name", dimension_fields={"visit": {"timespan", "region"}},
        dataset_fields={"calexp": ...}, find_first=True,
    )  # fmt: skip
    rows = list(found.order_by("visit", "-detector"))
    assert len(rows) == found.count() == 6
    assert rows[0].keys() == {
        "instrument", "detector", "visit", "band", "day_obs", "physical_filter", "detector.full_name",
        "visit.timespan", "visit.region", "calexp.dataset_id", "calexp.run",
    }  # fmt: skip
    assert [rows[0][name] for name in ("visit", "detector.full_name", "calexp.run")] == [1, "B", "first"]
    assert rows[-1]["calexp.run"] == "second"
    assert rows[0]["visit.timespan"] == Timespan.from_ns(0, 50)
    assert rows[0]["visit.region"].getCentroid() is not None
    calexp = query.source.types.entry("calexp").dataset_type
    (row,) = found.where(visit=3, detector=0).iter_tuples(calexp)
    assert row.refs == list(query.datasets("calexp", "second").where(detector=0))
    assert row.data_id["band"] == "g"
    assert isinstance(row.raw_row["calexp.dataset_id"], uuid.UUID)
    assert [r["band"] for r in query.general(["band"]).order_by("band")] == ["g", "r"]


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        (["calexp.run"], {}, "Say find_first=True or find_first=False"),
        (["calexp.run", "bias.run"], {"find_first": True}, "find_first is for one dataset type"),
        (["visit.exposuretime"], {}, "'visit' has no column 'exposuretime'; did you mean 'exposure_time'"),
        (["flat.run"], {}, "Unknown name 'flat'"),
    ],
)
def test_fields_that_cannot_be_shown_are_refused(query, fields, options, message):
    joined = query.join_dataset_search("calexp", "first").join_dataset_search("bias", "first")
    with pytest.raises(InvalidQueryError, match=message):
        joined.general(["visit"], *fields, **options)


def test_validity_can_be_shown_and_compared(two_run_registry):
    registry = two_run_registry
    registry.collections.register("cal", "CALIBRATION")
    for run, begin, end in (("first", 0, 120), ("second", 120, 1000)):
        registry.collections.certify(
            "cal", registry.query_datasets("bias", run), Timespan.from_ns(begin, end)
        )
    with registry.query() as query:
        bias = query.join_dataset_search("bias", "cal")
        found = bias.general(
            ["detector"], dataset_fields={"bias": {"run", "timespan", "collection"}}, find_first=False
        )
        shown = {(r["detector"], r["bias.run"], r["bias.timespan"], r["bias.collection"]) for r in found}
        spans = {"first": Timespan.from_ns(0, 120), "second": Timespan.from_ns(120, 1000)}
        assert shown == {(d, run, span, "cal") for d in (0, 1) for run, span in spans.items()}
        valid = bias.where("bias.timespan OVERLAPS visit.timespan AND detector = 0")
        rows = valid.general(["visit", "detector"], "bias.run", find_first=False)
        # Visits are at 0-50, 100-150, 200-250, 300-350: the second one sees both.
        assert sorted((r["visit"], r["bias.run"]) for r in rows) == [
            (1, "first"), (2, "first"), (2, "second"), (3, "second"), (4, "second"),
        ]  # fmt: skip
        assert sorted(ref.run for ref in query.datasets("bias", "cal").where(detector=1)) == [
            "first",
            "second",
        ]
        assert bias.data_ids().count() == 2


# Pixels of the sky


def test_pixels_of_a_region_are_joined_exactly(query):
    found = set(pairs(query.data_ids(["visit", "htm7"]).where("visit IN (1, 3)"), "visit", "htm7"))
    records = {r.id: r.region for r in query.dimension_records("visit")}
    htm = HtmPixelization(7)
    expected = {
        (v, i)
        for v in (1, 3)
        for begin, end in htm.envelope(records[v]).ranges()
        for i in range(begin, end)
        if htm.pixel(i).overlaps(records[v]) is not False
    }
    assert found == expected
    assert len(expected) > 4
    some = sorted(i for _, i in expected)[:3]
    named = query.data_ids(["visit", "htm7"]).where("htm7 IN (:some) AND visit != 2", bind={"some": some})
    assert set(pairs(named, "visit", "htm7")) == {pair for pair in expected if pair[1] in some}
    assert {v for (v,) in pairs(query.where(htm7=some[0]).data_ids("visit"), "visit")} == {
        v for v, i in expected if i == some[0]
    }


def test_datasets_of_pixels_go_with_the_visits_that_they_overlap(query, two_run_registry):
    registry = two_run_registry
    catalog = DatasetType("refcat", ["htm6"], "X", universe=registry.universe)
    registry.register_dataset_type(catalog)
    (visit,) = registry.query_dimension_records("visit", where="visit = 2")
    htm = HtmPixelization(6)
    near = [i for b, e in htm.envelope(visit.region).ranges() for i in range(b, e)]
    registry.insert_datasets(catalog, "first", {"htm6": [*near, 40000]})
    found = query.where("visit = 2").join_dimensions("visit").datasets("refcat", "first")
    assert {ref.dataId["htm6"] for ref in found} == {
        i for i in near if htm.pixel(i).overlaps(visit.region) is not False
    }
    assert query.datasets("refcat", "first").count() == len(near) + 1


def test_named_pixels_are_data_ids_and_records(query):
    (record,) = query.dimension_records("healpix3").where("healpix3 IN (700, 5000)")
    assert (record.id, record.healpix3) == (700, 700)
    assert record.region.getBoundingBox() is not None
    assert pairs(query.where("htm3 IN (512..514) OR htm3 = 520").data_ids("htm3"), "htm3") == [
        (512,), (513,), (514,), (520,),
    ]  # fmt: skip
    here = query.dimension_records("htm3").where("htm3.region OVERLAPS POINT(10.3, 5.2)")
    assert here.count() == 1
    assert not query.where("htm3 = 5").data_ids("htm3").any()
    (expanded,) = query.where("htm3 = 520").data_ids("htm3").with_dimension_records()
    assert expanded.records["htm3"].region == HtmPixelization(3).pixel(520)


@pytest.mark.parametrize("dimensions", [["htm7"], ["htm7", "healpix3"], ["htm5", "htm7", "detector"]])
def test_pixels_without_a_bound_are_refused(query, dimensions):
    with pytest.raises(InvalidQueryError, match=r"pixels of the whole sky|No overlaps are kept"):
        list(query.data_ids(dimensions))


def test_too_many_pixels_are_refused(query, monkeypatch):
    with pytest.raises(InvalidQueryError, match=r"more than 500,000 pixels of 'htm17'; take a coarser level"):
        list(query.data_ids(["visit", "htm17"]))
    monkeypatch.setattr(pixels, "MOST_PIXELS", 3)
    with pytest.raises(InvalidQueryError, match="more than 3 pixels"):
        list(query.data_ids(["visit", "htm7"]))


# Exports


def test_results_are_exported_as_tables(query):
    found = query.datasets("calexp", ["second", "first"]).order_by("visit", "detector")
    refs = list(found)
    table = found.to_astropy()
    assert table.colnames == [*refs[0].dimensions.keys, "run", "dataset_id"]
    assert table["visit"].tolist() == [ref.dataId["visit"] for ref in refs]
    assert table["dataset_id"].tolist() == [str(ref.id) for ref in refs]
    assert table["run"].tolist() == [ref.run for ref in refs]
    arrow = query.data_ids(["visit", "detector"]).where("visit = 9").to_arrow()
    assert arrow.num_rows == 0
    assert str(arrow.schema.field("visit").type) == "int64"
    records = query.dimension_records("visit").order_by("visit").to_astropy()
    assert records["exposure_time"].tolist() == [10.0, 20.0, 30.0, 40.0]
    assert records["science_program"].mask.all()
    assert (records["timespan_end"].tolist(), str(records["timespan_end"].unit)) == (
        [50, 150, 250, 350],
        "ns",
    )
    assert isinstance(records["region"][0], bytes)
    assert query.data_ids([]).to_arrow().num_columns == 0
    joined = query.join_dataset_search("calexp", "second")
    general = joined.general(["visit"], "calexp.dataset_id", "visit.timespan", find_first=False).to_arrow()
    assert general.column_names[-3:] == ["calexp.dataset_id", "visit.timespan_begin", "visit.timespan_end"]


@pytest.mark.skipif(importlib.util.find_spec("pandas") is not None, reason="pandas is installed")
def test_pandas_is_named_where_it_is_missing(query):
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        query.data_ids("visit").to_pandas()


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
def test_a_data_frame_holds_the_same(query):
    frame = query.data_ids("visit").order_by("visit").to_pandas()
    assert frame["visit"].tolist() == [1, 2, 3, 4]


# Why there is nothing


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda q: q.datasets("calexp", "empty"), "No datasets of type 'calexp' in collections empty, which hold nothing."),
        (lambda q: q.datasets("calexp", ()), "There are no collections to search for datasets of type 'calexp'."),
        (lambda q: q.where("visit = 9"), "Nothing matches visit = 9."),
        (lambda q: q.datasets("calexp", "first").where("visit = 9 AND detector < 2"), "Nothing matches visit = 9."),
        (
            lambda q: q.data_ids("visit").where("visit = 1 AND exposure_time > 15"),
            "Nothing matches visit.exposure_time > 15 besides visit = 1.",
        ),
        (
            lambda q: q.datasets("calexp", "first").where(visit=4),
            "No dataset 'calexp' in collections first with visit = 4; they hold some with other data IDs.",
        ),
        (lambda q: q.data_ids(["visit", "tract"]), "There are no records of 'skymap' at all."),
        (lambda q: q.where("visit IN ()"), "The conditions contradict each other, whatever the data."),
        (
            lambda q: q.join_dataset_search("calexp", "second").where("visit = 1"),
            "No dataset 'calexp' in collections second with visit = 1; they hold some with other data IDs.",
        ),
        (
            lambda q: q.join_dataset_search("calexp", "second").join_data_coordinates([{"instrument": "Cam", "visit": 1}]),
            "Each part of the query matches something, but no data ID fulfils all of them.",
        ),
    ],
)  # fmt: skip
def test_the_part_that_nothing_matches_is_named(query, two_run_registry, ask, sentence):
    two_run_registry.collections.register("empty")
    assert sentence in ask(query).explain_no_results()


def test_records_that_nowhere_overlap_are_named(query, two_run_registry, sky_square):
    registry = two_run_registry
    registry.insert_dimension_records(
        "skymap", [{"name": "sky", "hash": b"x", "tract_max": 1, "patch_nx_max": 1, "patch_ny_max": 1}]
    )
    registry.insert_dimension_records("tract", [{"skymap": "sky", "id": 0, "region": sky_square(100, 50, 1)}])
    assert query.data_ids(["visit", "tract"]).explain_no_results() == [
        "No region of 'tract' overlaps one of 'visit'."
    ]


def test_removed_datasets_are_told_from_those_that_never_were(query, two_run_registry):
    two_run_registry.remove_datasets([ref.id for ref in two_run_registry.query_datasets("calexp", "second")])
    found = query.datasets("calexp", "second")
    assert found.explain_no_results() == ["There is no dataset 'calexp' left in collections second."]
    assert found.explain_no_results(execute=False) == []


def test_there_is_nothing_to_explain_where_something_is_found(query):
    assert query.datasets("calexp", "first").explain_no_results() == []
