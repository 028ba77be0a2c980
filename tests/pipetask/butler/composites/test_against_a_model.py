"""Random composites, puts and searches give what a model gives that is made of plain dicts."""

import shutil
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipetask.butler import Butler, DatasetType
from pipetask.butler.composites.definition import ALL, Composite, Part
from pipetask.errors import CompositePutError, MissingPartError
from registry.errors import ConflictingDefinitionError

RUNS = ("r0", "r1", "r2")
SEARCHED = ("r2", "r1", "r0")
VISITS, DETECTORS = (1, 2), (0, 1)
TYPES = {"a": ("visit", "detector"), "b": ("visit",), "c": ("visit", "detector")}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("template") / "repo"
    with Butler.makeRepo(root) as butler:
        cam = {"instrument": "Cam"}
        insert = butler.registry.insert_dimension_records
        insert("instrument", [cam])
        insert("detector", [{**cam, "detector": d, "full_name": f"D{d}"} for d in DETECTORS])
        insert("physical_filter", [{**cam, "physical_filter": "Cam-r", "band": "r"}])
        insert("day_obs", [{**cam, "day_obs": 20300101}])
        common = {**cam, "day_obs": 20300101, "physical_filter": "Cam-r"}
        insert("visit", [{**common, "visit": v, "name": f"v{v}"} for v in VISITS])
        for name, dimensions in TYPES.items():
            butler.register_dataset_type(
                DatasetType(name, dimensions, "StructuredDataDict", universe=butler.dimensions)
            )
        for run in RUNS:
            butler.collections.register(run)
    return root


# What is drawn


@st.composite
def parts(draw, name, whole):
    """A part that a composite of given dimensions can have."""
    kind = draw(st.sampled_from(sorted(TYPES)))
    lacks = not set(TYPES[kind]) <= set(whole)
    how = draw(
        st.sampled_from(["pinned", "subset"] if lacks else ["plain", "inputOnly", "writeOnce", "pinned"])
    )
    if how == "pinned" and kind == "b":
        how = "plain"
    return Part(
        name,
        kind,
        collections=draw(st.sampled_from([(), (), ("r0", "r1")])),
        input_only=how == "inputOnly",
        write_once=how == "writeOnce",
        subset=how == "subset",
        data_id={"detector": draw(st.sampled_from(DETECTORS))} if how == "pinned" else {},
        minimum=draw(st.sampled_from([0, 1, 2, ALL])) if how == "subset" else 1,
        unique=how != "subset" and draw(st.sampled_from([False, False, True])),
    )


@st.composite
def composites(draw):
    whole = draw(st.sampled_from([("visit",), ("visit", "detector")]))
    n = draw(st.integers(1, 3))
    made = tuple(draw(parts(f"p{i}", whole)) for i in range(n))
    return Composite("whole", made, whole, python="types.SimpleNamespace")


runs, values = st.sampled_from(RUNS), st.integers(0, 2)
visits, detectors = st.sampled_from(VISITS), st.sampled_from(DETECTORS)
actions = st.one_of(
    st.tuples(st.just("part"), runs, st.sampled_from(sorted(TYPES)), visits, detectors, values),
    st.tuples(
        st.just("whole"), runs, visits, detectors, st.lists(st.none() | values, min_size=3, max_size=3)
    ),
)


# The model


class Missing(Exception):
    """A part is not there."""


class Ambiguous(Exception):
    """A part that must be unique is there twice."""


class Refused(Exception):
    """A put is not possible."""


@dataclass
class Model:
    """Values by (run, type, data ID), and for composites that were put what they refer to."""

    composite: Composite
    datasets: dict = field(default_factory=dict)
    put: dict = field(default_factory=dict)

    def find(self, kind, data_id, searched):
        return next((key for run in searched if (key := (run, kind, data_id)) in self.datasets), None)

    def part(self, part, data_id, searched=SEARCHED):
        """Key of the dataset of a part, or a list of them."""
        names, searched = TYPES[part.dataset_type], part.collections or searched
        given = {**data_id, **part.data_id}
        wanted = [
            tuple(each[n] for n in names)
            for each in [{**given, "detector": d} for d in DETECTORS]
            if "detector" not in given or each["detector"] == given["detector"] or "detector" not in names
        ]
        found = [self.find(part.dataset_type, each, searched) for each in dict.fromkeys(wanted)]
        found = [key for key in found if key is not None]
        if part.unique and sum((run, part.dataset_type, wanted[0]) in self.datasets for run in searched) > 1:
            raise Ambiguous(part.name)
        if len(found) < (len(set(wanted)) if part.minimum == ALL else part.minimum):
            raise Missing(part.name)
        return found if part.subset else found[0]

    def whole(self, data_id):
        """What the parts are: as put, else as found."""
        key = tuple(data_id.values())
        for run in SEARCHED:
            if (run, key) in self.put:
                return self.put[run, key]
        return {part.name: self.part(part, data_id) for part in self.composite.parts}

    def value(self, found):
        return [self.datasets[key] for key in found] if isinstance(found, list) else self.datasets[found]

    def put_part(self, run, kind, data_id, value):
        if (run, kind, data_id) in self.datasets:
            raise Refused(kind)
        self.datasets[run, kind, data_id] = value

    def put_whole(self, run, data_id, new):
        before = dict(self.datasets)
        try:
            self._put_whole(run, data_id, new)
        except Refused:
            self.datasets = before
            raise

    def _put_whole(self, run, data_id, new):
        key = tuple(data_id.values())
        if (run, key) in self.put:
            raise Refused("twice")
        refers = {}
        for part in self.composite.parts:
            try:
                there = self.part(part, data_id, dict.fromkeys((run, *SEARCHED)))
            except Missing:
                there = None
            except Ambiguous:
                raise Refused(part.name) from None
            if there is None and (part.input_only or part.many):
                raise Refused(part.name)
            if part.many or (there is not None and self.datasets[there] == new[part.name]):
                refers[part.name] = there
                continue
            if part.input_only or (part.write_once and there is not None):
                raise Refused(part.name)
            given = {**data_id, **part.data_id}
            own = tuple(given[n] for n in TYPES[part.dataset_type])
            self.put_part(run, part.dataset_type, own, new[part.name])
            refers[part.name] = (run, part.dataset_type, own)
        self.put[run, key] = refers


# The comparison


def data_ids(composite):
    if composite.dimensions == ("visit",):
        return [{"visit": v} for v in VISITS]
    return [{"visit": v, "detector": d} for v in VISITS for d in DETECTORS]


def is_as_in_model(butler, model):
    names = [part.name for part in model.composite.parts]
    there = []
    is_ambiguous = False
    for data_id in data_ids(model.composite):
        where = {"instrument": "Cam", **data_id}
        try:
            wanted = {name: model.value(found) for name, found in model.whole(data_id).items()}
        except Ambiguous:
            with pytest.raises(ConflictingDefinitionError, match="must be unique"):
                butler.get("whole", where)
            is_ambiguous = True
            continue
        except Missing:
            assert not butler.exists("whole", where)
            assert butler.find_dataset("whole", where) is None
            with pytest.raises(MissingPartError, match="'whole'"):
                butler.get("whole", where)
            continue
        there.append(tuple(data_id.values()))
        assert butler.exists("whole", where)
        got, handle = butler.get("whole", where), butler.getDeferred("whole", where)
        for name in names:
            alone, later = butler.get(f"whole.{name}", where), handle.get(component=name)
            for each in (getattr(got, name), alone, later, getattr(handle.get(), name)):
                assert (list(each) if isinstance(wanted[name], list) else each) == wanted[name]
    if is_ambiguous:
        return  # and a query may come upon it, or not, if a later part is missing
    found = butler.query_datasets("whole", explain=False)
    assert sorted(tuple(ref.dataId[n] for n in model.composite.dimensions) for ref in found) == sorted(there)


def put_both(butler, model, action):
    """Do one action on both sides: it works on both, or on neither."""
    if action[0] == "part":
        _, run, kind, visit, detector, n = action
        own = {"visit": visit, "detector": detector}
        key = tuple(own[name] for name in TYPES[kind])
        where = {"instrument": "Cam", **{name: own[name] for name in TYPES[kind]}}
        try:
            model.put_part(run, kind, key, {"n": n})
        except Refused:
            with pytest.raises(ConflictingDefinitionError):
                butler.put({"n": n}, kind, where, run=run)
        else:
            butler.put({"n": n}, kind, where, run=run)
        return
    _, run, visit, detector, changes = action
    own = {"visit": visit, "detector": detector}
    data_id = {name: own[name] for name in model.composite.dimensions}
    new = {}
    for part, change in zip(model.composite.parts, changes, strict=False):
        try:
            there = model.value(model.part(part, data_id, dict.fromkeys((run, *SEARCHED))))
        except (Missing, Ambiguous):
            there = {"n": 9}
        new[part.name] = there if change is None else {"n": change}
    where = {"instrument": "Cam", **data_id}
    try:
        model.put_whole(run, data_id, new)
    except Refused:
        with pytest.raises((CompositePutError, ConflictingDefinitionError)):
            butler.put(SimpleNamespace(**new), "whole", where, run=run)
    else:
        butler.put(SimpleNamespace(**new), "whole", where, run=run)


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(composite=composites(), todo=st.lists(actions, max_size=12))
def test_composites_are_what_a_model_of_plain_dicts_has(template, tmp_path_factory, composite, todo):
    root = tmp_path_factory.mktemp("case") / "repo"
    shutil.copytree(template, root)
    with Butler.from_config(root, collections=SEARCHED, writeable=True) as butler:
        butler.composites.register(composite)
        model = Model(composite)
        for action in todo:
            put_both(butler, model, action)
        is_as_in_model(butler, model)
    shutil.rmtree(root.parent)
