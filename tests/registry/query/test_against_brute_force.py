"""Random expressions: what the database answers, against a natural join and three-valued logic in Python."""

import fnmatch
import itertools
import operator
import re
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.dimensions import DimensionUniverse
from registry.query.regions import resolve
from registry.query.select import data_id_select, record_select
from registry.query.where import interpret
from registry.spatial import circle

UNIVERSE = DimensionUniverse.default()
EPOCH = 1_767_225_637_000_000_000
DIMENSIONS = [
    ["visit"], ["visit", "detector"], ["exposure"], ["exposure", "visit"], ["exposure", "detector", "visit"],
    ["visit", "patch"], ["visit", "detector", "tract"], ["patch", "band"], ["band"], ["physical_filter"],
    ["instrument"], ["visit_system", "visit"], ["visit_system", "exposure"], ["tract", "detector", "visit", "exposure"],
]  # fmt: skip


def natural_join(world, group):
    """All combinations of records that agree on all dimensions, as {(element, column): value}."""
    rows = [{}]
    for name in group.elements:
        element = UNIVERSE[name]
        relation = not element.is_dimension and not element.always_join
        if relation or (element.view_of and name in group.implied):
            continue
        records = world.records[name]
        if element.view_of:
            records = [{name: value} for value in {each[name] for each in world.records[element.view_of]}]
        joined = []
        for row, record in itertools.product(rows, records):
            keys = {(key, key): record[key] for key in element.required + element.implied}
            if all(row.get(key, value) == value for key, value in keys.items()):
                fields = {
                    (name, column): record.get(column)
                    for column in element.column_names
                    if (column, column) not in keys
                }
                joined.append(row | keys | fields)
        rows = joined
    if len(group.spatial) == 2:
        rows = [row for row in rows if overlap(world, row, *group.spatial)]
    return rows


def overlap(world, row, a, b):
    regions = []
    for name in (a, b):
        key = UNIVERSE[name].required
        found = [r["region"] for r in world.records[name] if all(r[k] == row[k, k] for k in key)]
        regions.append(found[0] if found else None)
    return None not in regions and regions[0].overlaps(regions[1]) is not False


@dataclass
class Case:
    """An expression, what it means, and the elements that it names."""

    text: str
    holds: object
    elements: frozenset
    bind: dict


COLUMNS = {
    "int": [
        ("visit", "visit", "visit"), ("detector", "detector", "detector.id"), ("visit", "seq_num", "visit.seq_num"),
        ("exposure", "exposure", "exposure"), ("patch", "cell_y", "patch.cell_y"), ("tract", "tract", "patch.tract"),
    ],
    "float": [("visit", "exposure_time", "visit.exposure_time")],
    "string": [
        ("instrument", "instrument", "instrument"), ("band", "band", "abstract_filter"), ("visit", "name", "visit.name"),
        ("detector", "purpose", "detector.purpose"), ("physical_filter", "physical_filter", "visit.physical_filter"),
        ("instrument", "class_name", "instrument.class_name"), ("visit_system", "name", "visit_system.name"),
    ],
}  # fmt: skip
integers = st.integers(-1, 4) | st.integers(9, 13) | st.integers(100, 102)
texts = st.sampled_from(["Cam", "Two", "g", "r", "v01", "SCIENCE", "Cam-g", "a.B", "one-to-one", "it's"])
comparisons = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
PYTHON = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def quoted(value):
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def unknown_aware(function):
    return lambda *values: None if None in values else function(*values)


@st.composite
def comparison(draw):
    kind = draw(st.sampled_from(sorted(COLUMNS)))
    element, column, text = draw(st.sampled_from(COLUMNS[kind]))
    value = draw(texts if kind == "string" else integers)
    op = draw(comparisons)
    compare = unknown_aware(PYTHON[op])
    bind = {}
    shown = quoted(value)
    if draw(st.booleans()):
        name = re.sub(r"\W", "_", f"value_{element}_{value}")  # two comparisons of an expression have two
        bind, shown = {name: value}, f":{name}"
    if draw(st.booleans()):
        return Case(
            f"{text} {op} {shown}",
            lambda row: compare(row[element, column], value),
            frozenset([element]),
            bind,
        )
    return Case(
        f"{shown} {op} {text}", lambda row: compare(value, row[element, column]), frozenset([element]), bind
    )


@st.composite
def null_test(draw):
    element, column, text = draw(st.sampled_from([c for columns in COLUMNS.values() for c in columns]))
    form, negated = draw(st.sampled_from([("= NULL", 0), ("!= null", 1), ("IS NULL", 0), ("IS NOT NULL", 1)]))
    return Case(
        f"{text} {form}", lambda row: (row[element, column] is None) != negated, frozenset([element]), {}
    )


@st.composite
def member(draw):
    kind = draw(st.sampled_from(["int", "string"]))
    element, column, text = draw(st.sampled_from(COLUMNS[kind]))
    values = draw(st.lists(texts if kind == "string" else integers, min_size=1, max_size=3))
    ranges = (
        []
        if kind == "string"
        else draw(st.lists(st.tuples(integers, integers, st.integers(1, 3)), max_size=2))
    )
    ranges = [(min(a, b), max(a, b), step) for a, b, step in ranges]
    with_null, negated, bound = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    shown = [f"{a} .. {b}:{step}" if step > 1 else f"{a}..{b}" for a, b, step in ranges]
    shown += ["NULL"] if with_null else []
    name = re.sub(r"\W", "_", f"list_{element}_{sorted(values)}")
    bind = {name: set(values)} if bound else {}
    shown += [f":{name}"] if bound else [quoted(value) for value in values]
    wanted = set(values).union(*(range(a, b + 1, step) for a, b, step in ranges))

    def holds(row):
        value = row[element, column]
        if value is None and wanted and not with_null:
            return None
        return (with_null if value is None else value in wanted) != negated

    return Case(
        f"{text} {'NOT ' if negated else ''}IN ({', '.join(shown)})", holds, frozenset([element]), bind
    )


@st.composite
def arithmetic(draw):
    a, b = draw(integers), draw(st.integers(1, 3))
    op = draw(comparisons)
    text, compute = draw(
        st.sampled_from(
            [
                (f"visit + {b} * detector", lambda v, d: v + b * d),
                (f"(visit - detector) / {b}", lambda v, d: (v - d) / b),
                (f"-visit % {b} + detector", lambda v, d: -(v % b) + d),
                ("visit / detector", lambda v, d: v / d if d else None),
            ]
        )
    )

    def holds(row):
        value = compute(row["visit", "visit"], row["detector", "detector"])
        return None if value is None else PYTHON[op](value, a)

    return Case(f"{text} {op} {a}", holds, frozenset(["visit", "detector"]), {})


@st.composite
def temporal(draw):
    element = draw(st.sampled_from(["visit", "exposure"]))
    begin, end = sorted(draw(st.tuples(st.integers(-20, 260), st.integers(-20, 260))))
    seconds = [f"T'unix_tai/{(EPOCH // 10**9 + each)}'" for each in (begin, end + 1)]
    low, high = EPOCH + begin * 10**9, EPOCH + (end + 1) * 10**9
    kind = draw(st.sampled_from(["overlap", "from", "until", "at", "before", "after", "begin"]))
    text, test = {
        "overlap": (
            f"({seconds[0]}, {seconds[1]}) OVERLAPS {element}.timespan",
            lambda b, e: b < high and low < e,
        ),
        "from": (f"{element}.timespan OVERLAPS ({seconds[0]}, NULL)", lambda b, e: low < e),
        "until": (f"{element}.timespan OVERLAPS (NULL, {seconds[0]})", lambda b, e: b < low),
        "at": (f"{element}.timespan OVERLAPS {seconds[0]}", lambda b, e: b <= low < e),
        "before": (f"{element}.timespan < {seconds[0]}", lambda b, e: e <= low),
        "after": (f"{element}.timespan > {seconds[0]}", lambda b, e: b > low),
        "begin": (f"{element}.timespan.begin >= {seconds[0]}", lambda b, e: b >= low),
    }[kind]
    return Case(
        text,
        lambda row: test(row[element, "timespan_begin"], row[element, "timespan_end"]),
        frozenset([element]),
        {},
    )


@st.composite
def spatial(draw):
    element = draw(st.sampled_from(["visit", "tract", "patch"]))
    ra, dec, radius = draw(st.floats(9, 14)), draw(st.floats(-1, 2)), draw(st.sampled_from([0.0, 0.3, 1.0]))
    region = circle(ra, dec, radius)
    text = f"POINT({ra}, {dec})" if radius == 0 else f"CIRCLE({ra}, {dec}, {radius})"

    def holds(row):
        own = row[element, "region"]
        return None if own is None else own.overlaps(region) is not False

    return Case(f"{element}.region OVERLAPS {text}", holds, frozenset([element]), {})


@st.composite
def glob(draw):
    element, column, text = draw(st.sampled_from([c for c in COLUMNS["string"] if c[1] != "instrument"]))
    pattern = draw(st.sampled_from(["*", "v?2", "Cam*", "?", "*C*", "[ab].B", "a.b"]))

    def holds(row):
        value = row[element, column]
        return None if value is None else fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))

    return Case(f"GLOB({text}, '{pattern}')", holds, frozenset([element]), {})


flag = st.just(
    Case("exposure.can_see_sky", lambda row: row["exposure", "can_see_sky"], frozenset(["exposure"]), {})
)


def negation(case):
    def holds(row):
        value = case.holds(row)
        return None if value is None else not value

    return Case(f"NOT ({case.text})", holds, case.elements, case.bind)


def both(a, b):
    def holds(row):
        values = [a.holds(row), b.holds(row)]
        return False if False in values else None if None in values else True

    return Case(f"({a.text}) AND ({b.text})", holds, a.elements | b.elements, a.bind | b.bind)


def either(a, b):
    return negation(both(negation(a), negation(b)))


def as_or(a, b):
    return Case(f"({a.text}) or ({b.text})", either(a, b).holds, a.elements | b.elements, a.bind | b.bind)


leaves = comparison() | null_test() | member() | arithmetic() | temporal() | spatial() | glob() | flag
cases = st.recursive(
    leaves,
    lambda inner: st.builds(negation, inner) | st.builds(both, inner, inner) | st.builds(as_or, inner, inner),
    max_leaves=4,
)


def predicate(world, case, group):
    return resolve(interpret(case.text, dimensions=group, bind=case.bind), world.schema, world.database.fetch)


def expected_rows(world, group, case):
    names = {n for e in case.elements for n in UNIVERSE[e].required}
    full = group | UNIVERSE.conform(sorted(names))
    return [row for row in natural_join(world, full) if case.holds(row) is True]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dimensions=st.sampled_from(DIMENSIONS), case=leaves | cases)
def test_data_ids_are_those_of_the_natural_join(world, dimensions, case):
    group = UNIVERSE.conform(dimensions)
    found = world.database.fetch(data_id_select(world.schema, group, predicate(world, case, group)))
    expected = {tuple(row[name, name] for name in group.keys) for row in expected_rows(world, group, case)}
    assert sorted(map(tuple, found)) == sorted(expected)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["visit", "detector", "patch", "instrument", "physical_filter", "exposure"]),
    case=leaves | cases,
)
def test_records_are_those_that_the_natural_join_keeps(world, name, case):
    element = UNIVERSE[name]
    group = element.dimensions
    found = world.database.fetch(record_select(world.schema, element, predicate(world, case, group)))
    expected = {
        tuple(row[key, key] for key in element.required)
        for row in expected_rows(world, element.minimal_group, case)
    }
    assert sorted(tuple(row)[: len(element.required)] for row in found) == sorted(expected)
