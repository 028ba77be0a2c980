"""Graphs on random universes of dimensions, compared with what loops over all their values find by definition."""

import itertools

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from little_world import connected

from pipetask.butler import DimensionUniverse, Registry
from pipetask.errors import EmptyGraphError
from pipetask.graph.builder import QuantumGraphBuilder

VALUES = (0, 1, 2)


class World:
    """A universe with its records: ``rows`` lists them by element, as mappings of dimensions."""

    def __init__(self):
        self.requires, self.implies, self.relations, self.rows = {}, {}, {}, {}

    def __repr__(self):
        return f"World({self.requires}, implies {self.implies}, {self.relations}, {self.rows})"

    @property
    def names(self):
        return list(self.requires)

    def universe(self):
        elements = {
            name: {
                "doc": "Made up.",
                "requires": sorted(self.requires[name]),
                "implies": sorted(self.implies[name]),
                "keys": [{"name": "id", "type": "int"}],
            }
            for name in self.names
        }
        for name, between in self.relations.items():
            elements[name] = {"doc": "Made up.", "requires": sorted(between), "always_join": True}
        plain = {"namespace": "random", "version": 1, "elements": elements}
        return DimensionUniverse.from_yaml(repr(plain).replace("True", "true"))

    def closed(self, names):
        """All dimensions that come with some."""
        found, waiting = set(), list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [*self.requires[name], *self.implies[name]]
        return found

    def required(self, names):
        """What data IDs of some dimensions hold, in alphabetical order."""
        found = self.closed(names)
        return tuple(sorted(found - {other for name in found for other in self.implies[name]}))

    def may_imply(self, name, other):
        """Whether a dimension can imply another one: not what it requires, nor what is needed to know itself."""
        implies = {**self.implies, name: {other}}
        reached, waiting = set(), [name]
        while waiting:
            found = waiting.pop()
            needed = {d for d, implied in implies.items() if implied & {found, *self.requires[found]}}
            waiting += needed - reached
            reached |= needed
        return (
            name not in reached
            and not self.closed([other]) & {name, *self.requires[name]} - self.requires[other]
        )

    def fits(self, row):
        return all(
            any(record.items() <= row.items() for record in records)
            for element, records in self.rows.items()
            if self.columns(element) <= row.keys()
        )

    def columns(self, element):
        if element in self.relations:
            return set().union(*({d, *self.requires[d]} for d in self.relations[element]))
        return {element, *self.requires[element], *self.implies[element]}

    def combinations(self, names):
        """List the values that some dimensions, and those that come with them, may have together."""
        every = sorted(self.closed(names))
        rows = (
            dict(zip(every, values, strict=True)) for values in itertools.product(VALUES, repeat=len(every))
        )
        distinct = {tuple(row[d] for d in sorted(names)) for row in rows if self.fits(row)}
        return [dict(zip(sorted(names), values, strict=True)) for values in sorted(distinct)]

    def data_ids(self, names):
        """The data IDs that there may be datasets for."""
        return sorted({self.data_id(row, names) for row in self.combinations(self.closed(names))})

    def data_id(self, row, names):
        return tuple(row[d] for d in self.required(names))


@st.composite
def worlds(draw):
    """Draw a universe: each dimension may require and imply earlier ones, relations tie two together."""
    world = World()
    for i in range(draw(st.integers(2, 5))):
        name, earlier = f"d{i}", world.names
        parents = draw(st.sets(st.sampled_from(earlier), max_size=2)) if earlier else set()
        above = set().union(parents, *(world.requires[parent] for parent in parents))
        if set(world.required(above)) != above:  # a parent implies another one, which then is no key
            parents = above = set()
        below = world.closed(above)
        # What is implied must have all that it requires in the same data ID.
        world.requires[name] = above
        possible = [
            other
            for other in earlier
            if other not in below and world.requires[other] <= above and world.may_imply(name, other)
        ]
        world.implies[name] = draw(st.sets(st.sampled_from(possible), max_size=1)) if possible else set()
        columns = world.columns(name)
        found = world.combinations(columns)
        kept = draw(st.lists(st.booleans(), min_size=len(found), max_size=len(found)))
        # One record for each data ID: the first of those that differ in what is implied only.
        chosen = {}
        for row, is_kept in zip(found, kept, strict=True):
            if is_kept or not chosen:
                chosen.setdefault(tuple(row[d] for d in sorted({name, *above})), row)
        world.rows[name] = list(chosen.values())
    if draw(st.booleans()):
        between = draw(st.sets(st.sampled_from(world.names), min_size=2, max_size=2))
        world.relations["tie"] = between
        found = world.combinations(world.columns("tie"))
        world.rows["tie"] = [row for row in found if draw(st.booleans())]
    return world


@st.composite
def cases(draw):
    """Draw a world, the data IDs of inputs, a pipeline as (label, dimensions, connections), and a query."""
    world = draw(worlds())
    some = st.lists(st.sampled_from(world.names), unique=True, min_size=1, max_size=2).map(tuple)
    known, inputs = {}, {}
    for i in range(draw(st.integers(1, 2))):
        known[f"in{i}"] = draw(some)
        inputs[f"in{i}"] = {row for row in world.data_ids(known[f"in{i}"]) if draw(st.integers(0, 3))}
    tasks = []
    for i in range(draw(st.integers(1, 3))):
        dims = draw(some)
        reads = draw(st.sets(st.sampled_from(list(known)), min_size=1, max_size=2))
        connections = {f"reads_{name}": ("in", name, 1) for name in sorted(reads)}
        connections["made"] = ("out", f"out{i}", 0)
        known[f"out{i}"] = dims
        tasks.append((f"task{i}", dims, connections, None))
    about = draw(st.lists(st.tuples(st.sampled_from(world.names), st.integers(0, 1)), max_size=2))
    return world, known, inputs, tasks, about


def brute_force(world, known, inputs, tasks, about):
    """The graph by definition: {(label, data ID): {connection: data IDs}}."""
    edges = {}
    for labels in connected(tasks):
        part = [task for task in tasks if task[0] in labels]
        types = {name for _, _, connections, _ in part for _, name, _ in connections.values()}
        names = world.closed(
            [*(d for _, dims, *_ in part for d in dims), *(d for name in types for d in known[name])]
            + [d for d, _ in about]
        )
        for row in world.combinations(names):
            if any(row[d] < least for d, least in about):
                continue
            if any(world.data_id(row, known[name]) not in inputs[name] for name in types & inputs.keys()):
                continue
            for label, dims, connections, _ in part:
                refs = edges.setdefault(
                    (label, world.data_id(row, dims)), {name: set() for name in connections}
                )
                for name, (_, dataset_type, _) in connections.items():
                    refs[name].add(world.data_id(row, known[dataset_type]))
    return edges  # nothing drops a quantum, so nothing that is read is missing


def fill(repository, world, known, inputs):
    for element, rows in world.rows.items():
        if rows:
            columns = sorted(world.columns(element))
            repository.records(element, **{d: [row[d] for row in rows] for d in columns})
    for name, rows in inputs.items():
        repository.registry.collections.register("run")
        dims = world.required(known[name])
        columns = {d: [row[k] for row in sorted(rows)] for k, d in enumerate(dims)}
        repository.datasets(name, known[name], "run", **columns)


def check(repository, task, case):
    world, known, inputs, tasks, about = case
    fill(repository, world, known, inputs)
    configured = {}
    for label, dims, connections, _ in tasks:
        declared = {
            name: (kind, of, known[of], {"multiple": True}) for name, (kind, of, _) in connections.items()
        }
        configured[label] = task(dims, **declared)
    builder = QuantumGraphBuilder(
        repository.pipeline(**configured),
        repository.butler,
        input_collections=["run"],
        output_run="out",
        where=" AND ".join(f"{d} >= {least}" for d, least in about),
    )
    expected = brute_force(*case)
    try:
        graph = builder.build()
    except EmptyGraphError:
        assert not expected
        return
    plain = lambda data_id: tuple(data_id[d] for d in sorted(data_id.dimensions.required))  # noqa: E731
    assert {
        (quantum.label, plain(quantum.dataId)): {
            name: {plain(ref.dataId) for ref in refs}
            for name, refs in (quantum.inputs | quantum.outputs).items()
        }
        for quantum in map(graph.quantum, range(graph.n_quanta))
    } == expected


@given(case=cases())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate]
)
def test_a_random_universe_has_the_graph_of_its_definition(repository_on, task, case):
    with Registry.create("sqlite://", universe=case[0].universe()) as registry:
        check(repository_on(registry), task, case)


@given(case=cases())
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate]
)
def test_so_it_has_on_postgresql(postgresql_server, repository_on, task, case):
    url = postgresql_server.new_schema()
    with Registry.create(url, universe=case[0].universe()) as registry:
        check(repository_on(registry), task, case)
    postgresql_server.drop(url)
