"""A repository moves from SQLite to PostgreSQL and back: by an export of all of it."""

from pipetask.butler import Butler, Timespan
from pipetask.butler.interchange.selection import export_selection


def contents(butler):
    registry = butler.registry
    collections = butler.collections.query_info()
    certified = registry.calibration_columns("flat", "cal")
    return (
        {
            element.name: sorted(
                map(str, registry.query_dimension_records(element.name)),
            )
            for element in butler.dimensions.elements
            if element.has_table
        },
        sorted((each.name, each.kind, each.doc, each.children) for each in collections),
        registry.query_dataset_types(),
        sorted(butler.query_all_datasets("*", find_first=False)),
        sorted(
            zip(
                map(bytes, certified.ids), certified.begin_ns.tolist(), certified.end_ns.tolist(), strict=True
            )
        ),
        [ref.id for ref in butler.query_datasets("notes", "tag")],
    )


def test_all_that_a_repository_holds_moves_to_postgresql_and_back(repo, postgresql_repository, tmp_path):
    for detector in (1, 2):
        repo.put({"d": detector}, "notes", detector=detector, run="first")
        repo.put({"flat": detector}, "flat", detector=detector, run="second")
    repo.collections.register("cal", "CALIBRATION", "valid")
    repo.collections.certify("cal", repo.query_datasets("flat", "second"), Timespan.from_ns(0, 100))
    repo.collections.register("tag", "TAGGED")
    repo.collections.associate("tag", repo.query_datasets("notes", "first", where="detector = 2"))
    repo.collections.update_chain("all", ["tag", "cal", "first"], doc="everything")
    before = contents(repo)

    export_selection(repo, tmp_path / "out", all_records=True, transfer="direct")
    with postgresql_repository("moved") as moved:
        moved.import_(directory=tmp_path / "out", transfer="hardlink")
        assert moved.registry.dialect == "postgresql"
        assert contents(moved) == before
        export_selection(moved, tmp_path / "back", all_records=True, transfer="copy")
    with Butler.makeRepo(tmp_path / "again") as again:
        again.import_(directory=tmp_path / "back")
        assert contents(again) == before
        assert again.get("notes", detector=2, collections="all") == {"d": 2}
