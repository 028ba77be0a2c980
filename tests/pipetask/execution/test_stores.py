"""Runs whose datasets go to other stores than the repository's folder."""

import boto3
import pytest
import yaml

from pipetask.butler import Butler
from pipetask.execution.fsck import fsck
from pipetask.execution.run_graph import run_graph


def configure(repo, stores):
    config = repo.root / "butler.yaml"
    values = yaml.safe_load(config.read_text())
    values["datastore"] = {"stores": stores}
    config.write_text(yaml.safe_dump(values))
    repo.butler.close()
    repo.butler = Butler.from_config(repo.root, writeable=True)


@pytest.fixture
def bucket_repo(numbers_repo, s3_server):
    """What tasks make goes to a bucket, all else to the folder."""
    client = boto3.client("s3", endpoint_url=s3_server)
    client.create_bucket(Bucket=numbers_repo.root.parent.name.replace("_", "-"))
    bucket = numbers_repo.root.parent.name.replace("_", "-")
    options = {"endpoint_url": s3_server}
    reject = ["number", "*_config", "packages"]
    configure(
        numbers_repo,
        [
            {"name": "bucket", "root": f"s3://{bucket}/survey", "options": options, "reject": reject},
            {"name": "file", "root": "."},
        ],
    )
    numbers_repo.list_bucket = lambda: {
        item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", [])
    }
    return numbers_repo


def test_workers_read_from_one_store_and_write_to_another(bucket_repo):
    butler = bucket_repo.butler
    summary = run_graph(bucket_repo.graph(), butler, processes=2, register_dataset_types=True)
    assert summary.exit_code == 0
    assert butler.get("doubled", instrument="Cam", detector=3, collections="out") == {"n": 26}
    keys = bucket_repo.list_bucket()
    assert "survey/out/run/doubled/Cam/doubled_Cam_3.json" in keys
    assert len([key for key in keys if "/.records/" in key]) == 2 * bucket_repo.graph(run="x").n_quanta
    assert not list(bucket_repo.root.rglob("doubled*"))
    log = butler.get("double_log", instrument="Cam", detector=0, collections="out")
    assert log is not None
    assert list(fsck(butler, grace_s=0, deep=True)) == []


def test_fsck_sees_what_is_wrong_in_a_bucket(bucket_repo, s3_server):
    butler = bucket_repo.butler
    run_graph(bucket_repo.graph(), butler, register_dataset_types=True)
    ref = butler.find_dataset("doubled", instrument="Cam", detector=1, collections="out")
    (record,) = butler.artifacts([ref.id])[ref.id]
    store = butler.datastore.stores["bucket"]
    store.delete(record.path)
    store.put("out/run/left.json", b"{}")
    found = {(str(fault.kind), fault.where) for fault in fsck(butler, grace_s=0)}
    assert found == {("row without file", record.path), ("file without row", "out/run/left.json")}
    list(fsck(butler, grace_s=0, repair=True))
    assert "survey/.lost+found/out/run/left.json" in bucket_repo.list_bucket()


def test_removed_runs_leave_nothing_in_any_store(bucket_repo):
    run_graph(bucket_repo.graph(), bucket_repo.butler, register_dataset_types=True)
    bucket_repo.butler.removeRuns(["out/run"], unlink_from_chains=True)
    assert bucket_repo.list_bucket() == set()
    assert not (bucket_repo.root / "out").exists()


def test_repository_in_the_memory_of_one_process(numbers_repo):
    configure(
        numbers_repo,
        [{"name": "new", "root": "in-memory://here", "reject": ["number"]}, {"name": "file", "root": "."}],
    )
    summary = run_graph(numbers_repo.graph(), numbers_repo.butler, register_dataset_types=True)
    assert summary.exit_code == 0
    assert numbers_repo.butler.get("doubled", instrument="Cam", detector=0, collections="out") == {"n": 20}


def test_datasets_are_transferred_between_stores(bucket_repo, tmp_path):
    run_graph(bucket_repo.graph(), bucket_repo.butler, register_dataset_types=True)
    refs = bucket_repo.butler.query_datasets("doubled", collections="out")
    for transfer in ("auto", "copy"):
        with Butler.makeRepo(tmp_path / transfer) as target:
            target.transfer_from(
                bucket_repo.butler,
                refs,
                transfer=transfer,
                register_dataset_types=True,
                transfer_dimensions=True,
            )
            got = [target.get(ref)["n"] for ref in sorted(refs)]
            assert got == [20, 22, 24, 26]
            assert target.getURI(refs[0]).startswith(f"file://{tmp_path}/{transfer}/")
