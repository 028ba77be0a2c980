"""`butler fsck` on repositories that were damaged by hand, and on runs that go on or were cut short."""

import contextlib
import json
import sqlite3

import pytest
from click.testing import CliRunner

from pipetask.butler.repository import journal_path
from pipetask.cli.main import butler as butler_group
from pipetask.execution.fsck import fsck
from pipetask.execution.journal import Journal
from pipetask.execution.report import Report, Status
from pipetask.execution.resume import graph_path
from pipetask.execution.run_graph import run_graph


@pytest.fixture
def finished(numbers_repo):
    """A repository with a run that went well."""
    run_graph(numbers_repo.graph(), numbers_repo.butler, register_dataset_types=True)
    return numbers_repo


def faults(repo, **options):
    options.setdefault("grace_s", 0)
    return {(str(fault.kind), fault.where): fault for fault in fsck(repo.butler, **options)}


def command(repo, *options, exit_code):
    result = CliRunner().invoke(butler_group, ["fsck", str(repo.root), *options])
    assert result.exit_code == exit_code, result.output
    return result


def path_of(repo, detector):
    ref = repo.butler.find_dataset("doubled", instrument="Cam", detector=detector, collections="out")
    return repo.butler.artifacts([ref.id])[ref.id][0].path


def test_a_repository_whose_run_went_well_has_no_faults(finished):
    assert faults(finished, deep=True) == {}
    result = command(finished, "--deep", exit_code=0)
    assert (result.stdout, result.stderr) == ("", "No faults found.\n")


def test_a_file_that_is_gone_is_told_and_its_dataset_kept(finished):
    path = path_of(finished, 1)
    (finished.root / path).unlink()
    assert list(faults(finished)) == [("row without file", path)]
    assert "--repair" not in command(finished, exit_code=1).stderr  # it would change nothing
    assert "butler prune-datasets" in command(finished, "--repair", exit_code=1).stderr
    assert finished.butler.find_dataset("doubled", instrument="Cam", detector=1, collections="out")


def test_a_file_that_is_gone_is_made_again_once_its_dataset_and_metadata_are_pruned(finished):
    butler = finished.butler
    (finished.root / path_of(finished, 1)).unlink()
    refs = [
        butler.find_dataset(name, instrument="Cam", detector=1, collections="out")
        for name in ("doubled", "double_metadata")
    ]
    butler.pruneDatasets(refs, disassociate=True, unstore=True, purge=True)
    summary = run_graph(finished.graph(extend_run=True), butler)
    assert {label: sum(counts.values()) for label, counts in summary.tasks.items()} == {"double": 1}
    assert faults(finished, deep=True) == {}


def test_a_file_of_another_size_is_told(finished):
    path = path_of(finished, 1)
    whole = (finished.root / path).read_bytes()
    (finished.root / path).write_bytes(whole[:-1])
    found = faults(finished)
    assert list(found) == [("size differs", path)]
    assert f"{len(whole) - 1} bytes instead of {len(whole)}" in found["size differs", path].detail


def test_a_file_of_other_content_is_told_by_a_deep_check_alone(finished):
    path = finished.root / path_of(finished, 1)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    assert faults(finished) == {}
    assert [kind for kind, _ in faults(finished, deep=True)] == ["checksum differs"]
    command(finished, exit_code=0)
    command(finished, "--deep", exit_code=1)


def test_a_shared_file_that_was_cut_off_is_told_for_each_log_in_what_is_lost(finished):
    (path,) = (finished.root / "out/run/.records").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert [kind for kind, _ in faults(finished)] == ["size differs"]
    assert len(list(fsck(finished.butler))) == 1


def test_files_that_no_row_names_are_set_aside_and_temporary_ones_deleted(finished):
    stray = finished.root / "out/run/doubled/stray.json"
    stray.write_text("{}")
    part = finished.root / "out/run/doubled/.0123456789ab-12-3.part"
    part.write_bytes(b"half")
    found = {
        ("file without row", "out/run/doubled/stray.json"),
        ("temporary file", str(part.relative_to(finished.root))),
    }
    assert set(faults(finished)) == found
    command(finished, "--grace", "0", exit_code=1)
    assert set(faults(finished, repair=True)) == found
    assert (finished.root / ".lost+found/out/run/doubled/stray.json").read_text() == "{}"
    assert not stray.exists()
    assert not part.exists()
    assert faults(finished, deep=True) == {}


def test_files_that_somebody_may_be_about_to_register_are_no_faults(finished):
    (finished.root / "out/run/doubled/new.json").write_text("{}")
    assert faults(finished, grace_s=60) == {}
    command(finished, exit_code=0)
    command(finished, "--grace", "0", exit_code=1)


def test_files_outside_the_folders_of_runs_are_nobody_s_business(finished):
    (finished.root / "images").mkdir()
    (finished.root / "images/not_ingested_yet.fits").write_bytes(b"pixels")
    assert faults(finished) == {}


def test_a_file_in_the_folder_of_a_run_inside_a_run_is_of_the_inner_one(finished):
    finished.butler.registry.collections.register("out/run/inner")
    folder = finished.root / "out/run/inner/doubled"
    folder.mkdir(parents=True)
    (folder / "stray.json").write_text("{}")
    with Journal(journal_path(finished.root, "out/run")):
        assert list(faults(finished)) == [("file without row", "out/run/inner/doubled/stray.json")]


def test_a_run_that_is_executed_is_passed_over(finished):
    (finished.root / "out/run/doubled/new.json").write_text("{}")
    path = finished.root / path_of(finished, 1)
    path.write_text("{} ")
    with Journal(journal_path(finished.root, "out/run")) as journal:
        journal.append(Report(0, Status.SUCCEEDED).to_bytes())
        assert faults(finished, repair=True) == {}
    assert len(faults(finished)) == 2


def test_a_run_that_was_cut_short_is_told_and_stored_by_repair(finished):
    journal = journal_path(finished.root, "out/next")
    graph = finished.graph("out/next")
    graph.save(graph_path(journal))
    finished.butler.registry.collections.register("out/next")
    with Journal(journal) as open_journal:
        open_journal.append(Report(0, Status.FAILED, begin_ns=1, end_ns=2).to_bytes())
    orphan = finished.root / "out/next/doubled/orphan.json"
    orphan.parent.mkdir(parents=True)
    orphan.write_text("{}")
    assert list(faults(finished)) == [("unfinished run", "out/next")]
    command(finished, exit_code=1)
    result = command(finished, "--repair", "--format", "json", exit_code=0)
    (row,) = json.loads(result.stdout)
    assert row["repaired"] == "stored 1 quantum"
    assert [quantum.status for quantum in finished.butler.registry.provenance.quanta("out/next")] == [
        "failed"
    ]
    assert not orphan.exists()
    assert faults(finished) == {}


def test_a_run_cut_short_before_it_was_registered_is_told_with_what_to_do(finished):
    journal = journal_path(finished.root, "out/next")
    journal.parent.mkdir(exist_ok=True)
    journal.touch()
    assert "run it anew, without --extend-run" in faults(finished)["unfinished run", "out/next"].detail
    assert faults(finished, repair=True)["unfinished run", "out/next"].repaired == "its journal removed"
    assert faults(finished) == {}


def test_a_run_cut_short_is_told_with_how_to_go_on(finished):
    finished.butler.registry.collections.register("out/next")
    graph = finished.graph("out/next")
    journal = journal_path(finished.root, "out/next")
    graph.save(graph_path(journal))
    detail = faults(finished)["unfinished run", "out/next"].detail
    assert detail == "no quantum had ended; go on with --extend-run"
    with Journal(journal) as open_journal:
        open_journal.append(Report(0, Status.FAILED, begin_ns=1, end_ns=2).to_bytes())
    detail = faults(finished)["unfinished run", "out/next"].detail
    assert detail == "its journal tells of 1 quantum; go on with --extend-run"


def test_a_graph_without_a_journal_is_an_unfinished_run_too(finished):
    path = graph_path(journal_path(finished.root, "out/next"))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"PK")
    finished.butler.registry.collections.register("out/next")
    assert list(faults(finished, repair=True)) == [("unfinished run", "out/next")]
    assert not path.exists()
    assert faults(finished) == {}


def test_a_journal_whose_graph_is_damaged_is_told_with_what_to_do(finished):
    journal = journal_path(finished.root, "out/next")
    finished.butler.registry.collections.register("out/next")
    with Journal(journal) as open_journal:
        open_journal.append(Report(0, Status.FAILED, begin_ns=1, end_ns=2).to_bytes())
    graph_path(journal).write_bytes(b"PK")
    fault = faults(finished, repair=True)["unfinished run", "out/next"]
    assert "which is damaged. Restore it from a copy; or remove both" in fault.detail
    assert not fault.repaired
    graph_path(journal).unlink()
    fault = faults(finished, repair=True)["unfinished run", "out/next"]
    assert "which is gone. Restore it from a copy" in fault.detail


def test_the_journal_of_a_run_that_was_removed_is_told_with_what_to_do(finished):
    journal = journal_path(finished.root, "gone")
    finished.graph("gone").save(graph_path(journal))
    with Journal(journal) as open_journal:
        open_journal.append(Report(0, Status.FAILED).to_bytes())
    for repair in (False, True):
        fault = faults(finished, repair=repair)["unfinished run", "gone"]
        assert f"the run is not registered; remove {journal}" in fault.detail
        assert not fault.repaired


def test_a_link_of_a_chain_to_nothing_is_removed(finished):
    finished.butler.registry.collections.register("left_out")
    finished.butler.registry.collections.register("chain", "CHAINED")
    finished.butler.registry.collections.set_chain("chain", ["numbers", "left_out"])
    with contextlib.closing(sqlite3.connect(finished.root / "registry.sqlite3")) as database:
        database.execute("DELETE FROM collection WHERE name = 'left_out'")
        database.commit()
    found = faults(finished)
    assert set(found) == {
        ("broken reference", "collection_chain.child_id"),
        ("broken reference", "run.collection_id"),
    }
    found = faults(finished, repair=True)
    assert found["broken reference", "collection_chain.child_id"].repaired
    assert finished.butler.registry.collections.get_info("chain").children == ("numbers",)
    assert set(faults(finished)) == {("broken reference", "run.collection_id")}


def test_a_read_only_repository_can_be_checked(finished):
    finished.butler.close()
    (finished.root / "registry.sqlite3").chmod(0o444)
    command(finished, "--deep", exit_code=0)
