"""Queries over random collections, chained to any depth: what they give, against sets in Python."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.dataset_type import DatasetType
from registry.registry import Registry

VISITS = [("Cam", visit) for visit in (1, 2, 3)] + [("Two", visit) for visit in (2, 5)]
IMAGES = [(*visit, detector) for visit in VISITS for detector in (0, 1)]  # instrument, visit, detector
FLATS = [(instrument, detector) for instrument in ("Cam", "Two") for detector in (0, 1)]
BAND = {visit: "gr"[visit[1] % 2] for visit in VISITS}
EXPOSURE_TIME = {visit: 10.0 * i for i, visit in enumerate(VISITS)}

CONDITIONS = {
    "": lambda i, v, d: True,
    "instrument = 'Cam'": lambda i, v, d: i == "Cam",
    "instrument IN ('Cam', 'Two') AND visit > 1": lambda i, v, d: v > 1,
    "instrument = 'Two' OR instrument = 'Cam' AND NOT visit = 2": lambda i, v, d: i == "Two" or v != 2,
    "instrument != 'Two' AND band = 'r'": lambda i, v, d: i != "Two" and BAND[i, v] == "r",
    "instrument IN ('Cam', 'Two') AND visit.exposure_time >= 20 AND detector = 1": lambda i, v, d: (
        EXPOSURE_TIME[i, v] >= 20 and d == 1
    ),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request):
    """An empty database of each kind, for all examples."""
    if request.param == "sqlite":
        yield "sqlite://"
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.new_schema()
    yield url
    server.drop(url)


@pytest.fixture(scope="module")
def registry(url):
    """Two instruments with their visits, dataset types image and flat; each example adds collections of its own."""
    with Registry.create(url) as made:
        insert = made.insert_dimension_records
        for instrument in ("Cam", "Two"):
            insert("instrument", [{"name": instrument}])
            insert("detector", [{"instrument": instrument, "id": i, "full_name": str(i)} for i in (0, 1)])
            insert("physical_filter", [{"instrument": instrument, "name": f"{b}x", "band": b} for b in "gr"])
            insert("day_obs", [{"instrument": instrument, "id": 1}])
        for instrument, visit in VISITS:
            record = {"physical_filter": f"{BAND[instrument, visit]}x", "day_obs": 1, "name": str(visit)}
            record["exposure_time"] = EXPOSURE_TIME[instrument, visit]
            insert("visit", [{"instrument": instrument, "id": visit, **record}])
        for name, dimensions in (("image", ["visit", "detector"]), ("flat", ["detector"])):
            made.register_dataset_type(DatasetType(name, dimensions, "X", universe=made.universe))
        yield made


numbers = itertools.count()


@st.composite
def layouts(draw):
    """What runs hold, what is tagged of it, and chains: lists of runs, tags and chains before them."""
    runs = draw(
        st.lists(
            st.tuples(st.sets(st.sampled_from(IMAGES)), st.sets(st.sampled_from(FLATS))),
            min_size=1,
            max_size=4,
        )
    )
    tagged = draw(st.dictionaries(st.sampled_from(IMAGES), st.integers(0, len(runs) - 1), max_size=4))
    n = len(runs) + 1
    chains = []
    for i in range(draw(st.integers(0, 5))):
        chains.append(draw(st.lists(st.integers(0, n + i - 1), max_size=4, unique=True)))
    path = st.lists(st.integers(0, n + len(chains) - 1), min_size=1, max_size=3, unique=True)
    return runs, tagged, chains, draw(path), draw(path)


class Layout:
    """Collections in a registry, and what they hold in plain Python."""

    def __init__(self, registry, runs, tagged, chains):
        prefix = f"e{next(numbers)}/"
        self.names, self.children, self.held = [], {}, {}
        for i, (images, flats) in enumerate(runs):
            name = f"{prefix}run{i}"
            registry.collections.register(name)
            self.names.append(name)
            held = self.held[name] = {"image": {}, "flat": {}}
            for kind, keys, dimensions in (
                ("image", sorted(images), ("instrument", "visit", "detector")),
                ("flat", sorted(flats), ("instrument", "detector")),
            ):
                columns = {d: [key[j] for key in keys] for j, d in enumerate(dimensions)}
                ids = registry.insert_datasets(kind, name, columns)
                held[kind] = {key: bytes(id) for key, id in zip(keys, ids, strict=True)}
        name = f"{prefix}tag"
        registry.collections.register(name, "TAGGED")
        self.names.append(name)
        found = {key: self.held[self.names[run]]["image"].get(key) for key, run in tagged.items()}
        self.held[name] = {"image": {key: id for key, id in found.items() if id}, "flat": {}}
        ids = list(self.held[name]["image"].values())
        refs = {ref.id.bytes: ref for run in self.names[:-1] for ref in registry.query_datasets("image", run)}
        registry.collections.associate(name, [refs[id] for id in ids])
        for i, children in enumerate(chains):
            name = f"{prefix}chain{i}"
            registry.collections.register(name, "CHAINED")
            self.children[name] = [self.names[child] for child in children]
            registry.collections.set_chain(name, self.children[name])
            self.names.append(name)

    def flat(self, names):
        """Return the runs and tags of a search, each once."""
        found = {}
        for name in names:
            found |= dict.fromkeys(self.flat(self.children[name]) if name in self.children else [name])
        return list(found)

    def search(self, kind, names, *, find_first):
        """Return pairs of key and id."""
        pairs = {}
        for name in reversed(self.flat(names)):
            for key, id in self.held[name][kind].items():
                pairs[key if find_first else (key, id)] = (key, id)
        return set(pairs.values())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    layouts(),
    st.sampled_from(sorted(CONDITIONS)),
    st.booleans(),
    st.booleans(),
    st.sets(st.sampled_from(VISITS)),
)
def test_queries_give_what_sets_give(registry, layout, where, find_first, with_flats, given_visits):
    runs, tagged, chains, path, other_path = layout
    with registry.transaction():
        made = Layout(registry, runs, tagged, chains)
    names, others = ([made.names[i] for i in each] for each in (path, other_path))
    expected = {
        (key, id) for key, id in made.search("image", names, find_first=find_first) if CONDITIONS[where](*key)
    }
    with registry.query() as query:
        if with_flats:
            query = query.join_dataset_search("flat", others)
            flats = {key for key, _ in made.search("flat", others, find_first=True)}
            expected = {(key, id) for key, id in expected if (key[0], key[2]) in flats}
        if given_visits:
            query = query.join_data_coordinates(
                {"instrument": i, "visit": v} for i, v in sorted(given_visits)
            )
            expected = {(key, id) for key, id in expected if key[:2] in given_visits}
        results = query.datasets("image", names, find_first=find_first).where(where)
        keys = {key for key, _ in expected}
        refs = list(results)
        assert sorted((key_of(ref.dataId), ref.id.bytes) for ref in refs) == sorted(expected)
        assert all(ref.dataId["band"] == BAND[key_of(ref.dataId)[:2]] for ref in refs)
        assert (results.count(), results.any()) == (len(expected), bool(expected))
        assert sorted(map(key_of, results.data_ids)) == sorted(keys)
        ordered = [key_of(ref.dataId) for ref in results.order_by("-visit", "instrument", "detector")]
        assert ordered == sorted((key for key, _ in expected), key=lambda key: (-key[1], key[0], key[2]))
        assert [
            key_of(r.dataId) for r in results.order_by("-visit", "instrument", "detector").limit(2)
        ] == ordered[:2]
        records = query.join_dataset_search("image", names).where(where).dimension_records("visit")
        assert sorted((r.instrument, r.id) for r in records) == sorted({key[:2] for key in keys})
        bands = query.join_dataset_search("image", names).where(where).data_ids("band")
        assert sorted(each["band"] for each in bands) == sorted({BAND[key[:2]] for key in keys})
        kept = (
            query.join_dataset_search("image", names)
            .where(where)
            .materialize(dimensions=["visit", "detector"])
        )
        assert {key_of(each) for each in kept.data_ids()} == keys
        assert bool(results.explain_no_results()) == (not expected)
        assert results.to_arrow().num_rows == len(expected)


def key_of(data_id):
    return data_id["instrument"], data_id["visit"], data_id["detector"]
