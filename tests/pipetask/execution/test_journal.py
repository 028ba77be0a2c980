"""The journal on disk: what is appended is found again, whatever happens to the end of the file."""

import subprocess
import sys
from uuid import UUID

import pytest

from pipetask.butler import ArtifactRecord
from pipetask.butler.repository import journal_path
from pipetask.errors import RunLockedError
from pipetask.execution.journal import Journal, read_journal
from pipetask.execution.report import Failure, Report, Status


@pytest.fixture
def path(tmp_path):
    return journal_path(tmp_path, "u/me/run")


def test_what_was_appended_is_replayed_in_order(path):
    with Journal(path) as journal:
        journal.append(b"one", b"two")
        journal.append(b"three" * 1000)
    assert list(read_journal(path)) == [b"one", b"two", b"three" * 1000]


def test_a_journal_opened_again_says_what_it_held_and_goes_on(path):
    with Journal(path) as journal:
        journal.append(b"first")
    with Journal(path) as journal:
        assert journal.records == [b"first"]
        journal.append(b"second")
    assert list(read_journal(path)) == [b"first", b"second"]


def test_a_torn_record_is_dropped_wherever_it_was_torn_and_what_follows_is_found(path):
    with Journal(path) as journal:
        journal.append(b"whole", b"torn record")
    data = path.read_bytes()
    for cut in range(len(data) - len(b"torn record") - 8, len(data)):
        path.write_bytes(data[:cut])
        assert list(read_journal(path)) == [b"whole"]
        with Journal(path) as journal:
            journal.append(b"after")
        assert list(read_journal(path)) == [b"whole", b"after"]


def test_a_record_with_a_flipped_bit_is_not_believed_and_the_others_are_kept(path):
    with Journal(path) as journal:
        journal.append(b"before", b"flipped", b"after")
    data = path.read_bytes()
    first, last = 8 + len(b"before"), 2 * 8 + len(b"beforeflipped")
    for bit in range(8 * first, 8 * last):
        spoilt = bytearray(data)
        spoilt[bit // 8] ^= 1 << bit % 8
        path.write_bytes(spoilt)
        assert list(read_journal(path)) == [b"before", b"after"]
    with Journal(path) as journal:
        assert journal.records == [b"before", b"after"]
        journal.append(b"more")
    assert list(read_journal(path)) == [b"before", b"after", b"more"]


def test_zeros_that_a_crash_left_at_the_end_are_no_records(path):
    with Journal(path) as journal:
        journal.append(b"whole")
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert list(read_journal(path)) == [b"whole"]


def test_no_journal_reads_as_an_empty_one(path):
    assert list(read_journal(path)) == []


def test_a_cleared_journal_leaves_no_file_and_the_next_one_starts_afresh(path):
    with Journal(path) as journal:
        journal.append(b"done")
        journal.clear()
    assert not path.exists()
    with Journal(path) as journal:
        assert journal.records == []


def test_two_processes_cannot_hold_one_run_and_a_dead_one_does_not_hold_it(path):
    code = (
        "import sys, pathlib; from pipetask.execution.journal import Journal; "
        "j = Journal(pathlib.Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(RunLockedError, match="another run"):
            Journal(path)
        other.kill()
    Journal(path).close()


def test_runs_whose_names_nest_have_journals_of_their_own(tmp_path):
    with Journal(journal_path(tmp_path, "a")), Journal(journal_path(tmp_path, "a/b")):
        pass


def test_a_report_survives_its_encoding():
    record = ArtifactRecord("", "file", "run/x.json", 10, 20, "abc", "sha256", "json", "StructuredDataDict")
    report = Report(
        7,
        Status.FAILED,
        begin_ns=10**18,
        end_ns=10**18 + 5,
        cpu_s=0.25,
        peak_memory=2**33,
        host="here",
        pid=3,
        written={UUID(int=5): [record, record]},
        read={"images": [UUID(int=1), UUID(int=2)], "mask": []},
        failure=Failure("ValueError", "naïve \n text", "Traceback …"),
    )
    again = Report.from_bytes(report.to_bytes())
    assert again == report
    assert isinstance(again.written[UUID(int=5)][0], ArtifactRecord)
    assert again.status is Status.FAILED
    assert not again.ok
