"""A small world on each kind of database, with its records at hand as plain dictionaries."""

import itertools
from dataclasses import dataclass, field

import pytest

from registry.database import Database
from registry.dialects.base import dialect_for
from registry.dimensions import DimensionUniverse
from registry.query.names import Names
from registry.query.regions import resolve
from registry.query.searches import Search
from registry.query.select import data_id_select, record_select, sort_terms
from registry.query.tree import Column
from registry.query.where import constrain, interpret
from registry.schema.schema import Schema
from registry.spatial import Regions, encode, overlapping_pairs, polygon
from registry.timespan import MAX_NS

SECOND = 1_000_000_000
EPOCH = 1_767_225_637 * SECOND  # 2026-01-01T00:00:00 UTC


def box(x, y, size=1.0):
    return polygon([x, x + size, x + size, x], [y, y, y + size, y + size])


def make_records():
    """Two instruments, three visits of one and two of the other, three patches in two tracts."""
    cams = {"Cam": ["g", "r"], "Two": ["r"]}
    records = {name: [] for name in DimensionUniverse.default().conform([]).universe._elements}
    for n, (cam, bands) in enumerate(cams.items()):
        records["instrument"].append(
            {"instrument": cam, "detector_max": 2, "class_name": None if n else "a.B"}
        )
        for band in bands:
            records["physical_filter"].append(
                {"instrument": cam, "physical_filter": f"{cam}-{band}", "band": band}
            )
        for detector in range(2):
            purpose = "SCIENCE" if detector == 0 else None
            records["detector"].append(
                {"instrument": cam, "detector": detector, "full_name": f"S{detector}", "purpose": purpose}
            )
        records["day_obs"].append(
            {
                "instrument": cam,
                "day_obs": 20260101,
                "timespan_begin": EPOCH,
                "timespan_end": EPOCH + 86400 * SECOND,
            }
        )
        records["group"].append({"instrument": cam, "group": "a"})
        records["visit_system"].append({"instrument": cam, "visit_system": 0, "name": "one-to-one"})
        for i in range(3 - n):
            visit = {
                "instrument": cam,
                "visit": i + 1,
                "day_obs": 20260101,
                "physical_filter": f"{cam}-{bands[i % len(bands)]}",
            }
            begin = EPOCH + 100 * i * SECOND
            times = {
                "timespan_begin": begin,
                "timespan_end": MAX_NS if (n, i) == (1, 1) else begin + 30 * SECOND,
            }
            region = None if (n, i) == (0, 2) else box(10 + i, 0)
            seq_num = None if i == 1 else 10 + i
            records["visit"].append(
                visit
                | times
                | {
                    "name": f"v{n}{i + 1}",
                    "exposure_time": 15.0 * (i + 1),
                    "seq_num": seq_num,
                    "region": region,
                }
            )
            exposure = {k: v for k, v in visit.items() if k != "visit"} | {
                "exposure": 100 + i,
                "group": "a",
                "obs_id": f"e{n}{i}",
            }
            records["exposure"].append(
                exposure | times | {"can_see_sky": (True, False, None)[i], "exposure_time": 15.0}
            )
            records["visit_definition"].append({"instrument": cam, "exposure": 100 + i, "visit": i + 1})
            if i != 1:
                records["visit_system_membership"].append(
                    {"instrument": cam, "visit_system": 0, "visit": i + 1}
                )
            for detector in range(2):
                half = (
                    None
                    if region is None
                    else polygon(
                        [10 + i, 11 + i, 11 + i, 10 + i], [x + 0.5 * detector for x in (0, 0, 0.45, 0.45)]
                    )
                )
                records["visit_detector_region"].append(
                    {"instrument": cam, "detector": detector, "visit": i + 1, "region": half}
                )
    records["skymap"].append({"skymap": "sky", "hash": b"x" * 40, "tract_max": 2})
    for tract in range(2):
        records["tract"].append({"skymap": "sky", "tract": tract, "region": box(10 + 2 * tract, 0, 1.9)})
        for patch in range(2 - tract):
            region = box(10.1 + 2 * tract, 0.1 + 0.7 * patch, 0.6)
            records["patch"].append(
                {
                    "skymap": "sky",
                    "tract": tract,
                    "patch": patch,
                    "cell_x": 0,
                    "cell_y": patch,
                    "region": region,
                }
            )
    return records


@dataclass(repr=False)
class World:
    """The records, the database that holds them, and how to ask it."""

    universe: DimensionUniverse
    schema: Schema
    database: Database
    records: dict
    groups: dict = field(default_factory=dict)

    def predicate(self, where, dimensions, *, defaults=None, **options):
        found = constrain(interpret(where, dimensions=dimensions, **options), dimensions, defaults or {})
        return resolve(found, self.schema, self.database.fetch)

    def data_ids(self, dimensions, where="", *, order_by=(), limit=None, **options):
        group = self.universe.conform(dimensions)
        statement = data_id_select(
            self.schema, group, self.predicate(where, group, **options),
            order=sort_terms(order_by, Names(group)), limit=limit,
        )  # fmt: skip
        return [tuple(row) for row in self.database.fetch(statement)]

    def record_keys(self, element, where="", *, order_by=(), limit=None, **options):
        element = self.universe[element]
        predicate = self.predicate(where, element.dimensions, **options)
        order = sort_terms(order_by, Names(element.dimensions))
        statement = record_select(self.schema, element, predicate, order=order, limit=limit)
        assert tuple(c.name for c in statement.selected_columns) == element.column_names
        return [tuple(row)[: len(element.required)] for row in self.database.fetch(statement)]

    def add_datasets(self, name, dimensions, rows):
        """Make a dataset type whose datasets are (collection, run, *required values); ids follow the order."""
        group = self.universe.conform(dimensions)
        number = len(self.groups) + 1
        self.groups[name] = (number, group)
        self.schema.add_group(number, group)
        with self.database.transaction():
            connection = self.database.session.connection
            self.schema.create_group(number, connection)
            insert = self.database.insert
            insert(self.schema.dimension_group, ["id", "names"], [(number, ",".join(group.names))], "skip")
            insert(
                self.schema.dataset_type, ["id", "name", "dimension_group_id", "storage_class", "is_calibration"],
                [(number, name, number, "Thing", False)],
            )  # fmt: skip
            ids = [bytes([number] * 15 + [i]) for i in range(len(rows))]
            for id_, (_, run, *_) in zip(ids, rows, strict=True):
                insert(
                    self.schema.dataset, ["id", "dataset_type_id", "run_id", "ingest_ns"],
                    [(id_, number, run, EPOCH + id_[-1] * SECOND)],
                )  # fmt: skip
            insert(
                self.schema.dataset_table(number), ["dataset_type_id", "collection_id", *group.required, "dataset_id"],
                [(number, collection, *values, id_) for id_, (collection, _, *values) in zip(ids, rows, strict=True)],
            )  # fmt: skip

    def dataset_statement(
        self,
        name,
        collections,
        where="",
        *,
        find_first=True,
        order_by=(),
        limit=None,
        runs_only=True,
        **options,
    ):
        number, group = self.groups[name]
        search = Search(
            name, group, number, number, tuple(collections), runs_only=runs_only, find_first=find_first
        )
        return data_id_select(
            self.schema, group, self.predicate(where, group, datasets=[name], **options), searches=[search],
            fields=[Column("", "dataset_id", "uuid", name), Column("", "run_id", "int", name)],
            implied=False, order=sort_terms(order_by, Names(group, [name])), limit=limit,
        )  # fmt: skip

    def datasets(self, *arguments, **options):
        return [tuple(row) for row in self.database.fetch(self.dataset_statement(*arguments, **options))]


def make_world(url):
    universe = DimensionUniverse.default()
    dialect = dialect_for(url)
    database = Database(url, dialect, dialect.make_engine(url, "create"), writeable=True)
    schema = Schema(universe, dialect)
    records = make_records()
    with database.transaction():
        schema.create_all(database.session.connection)
        regions = {}
        for element in universe.elements:
            if not element.has_table:
                continue
            rows = records[element.name]
            names = list(element.column_names)
            values = [[row.get(name) for name in names] for row in rows]
            if element.spatial:
                encoded = [None if row["region"] is None else encode(row["region"]) for row in rows]
                regions[element.name] = Regions(encoded)
                vectors, radii = regions[element.name].circles
                names += ["circle_x", "circle_y", "circle_z", "circle_radius"]
                for value, blob, vector, radius in zip(values, encoded, vectors, radii, strict=True):
                    value[element.column_names.index("region")] = blob
                    value += [None] * 4 if blob is None else [*vector.tolist(), float(radius)]
            database.insert(schema.element_table(element.name), names, [tuple(value) for value in values])
        for a, b in universe.overlap_pairs:
            pairs = overlapping_pairs(regions[a], regions[b])
            names = [*universe[a].required, *universe[b].required]
            rows = [
                tuple((records[a][i] | records[b][j])[name] for name in names)
                for i, j in zip(*(each.tolist() for each in pairs), strict=True)
            ]
            database.insert(schema.overlap_table(a, b), names, rows)
        for number in range(1, 5):
            name, kind = f"c{number}", "RUN" if number < 4 else "TAGGED"
            database.insert(schema.collection, ["id", "name", "kind", "doc"], [(number, name, kind, "")])
            if kind == "RUN":
                database.insert(schema.run, ["collection_id"], [(number,)])
    return World(universe, schema, database, records)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def world(request):
    """Share one world: nothing here changes it, except by adding dataset types of new names."""
    url = "sqlite://"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_server").new_schema()
    made = make_world(url)
    made.add_datasets(
        "raw", ["exposure", "detector"],
        [(1, 1, cam, detector, 100 + i) for cam, n in (("Cam", 3), ("Two", 2)) for i in range(n) for detector in range(2)],
    )  # fmt: skip
    made.add_datasets(
        "coadd",
        ["patch", "band"],
        [(2, 2, band, "sky", 0, patch) for band, patch in itertools.product("gr", range(2))],
    )
    made.add_datasets(
        "cat", ["visit"],
        [(1, 1, "Cam", 1), (1, 1, "Cam", 2), (2, 2, "Cam", 1), (2, 2, "Two", 1), (3, 3, "Cam", 3), (4, 3, "Cam", 2)],
    )  # fmt: skip
    made.add_datasets("ref", ["htm7"], [(1, 1, index) for index in range(8 * 4**7, 8 * 4**7 + 40)])
    made.add_datasets("sky_info", [], [(1, 1), (2, 2)])
    return made
