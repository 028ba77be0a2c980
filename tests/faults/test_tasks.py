"""Tasks that crash, exit, hang, leak, print or fork: they fail alone, and the rest is as it should be."""

from pipetask.reports.run import run_report

MISDEEDS = {1: "segfault", 2: "exit", 3: "hang", 4: "print", 5: "fork", 6: "leak"}


def test_what_tasks_do_wrong_fails_them_alone(site):
    site.fill(9)
    options = ["-c", f"square:misdeeds={MISDEEDS}", "--timeout", 3, "-j", 2]
    out, _ = site.end(site.start_run("bad", *options), exit_code=1)
    with site.open() as butler:
        rows = butler.registry.provenance.quanta("bad")
        report = run_report(butler, "bad")
        kept = {ref.dataId["detector"] for ref in butler.query_datasets("square", "bad")}
    status = {(row.task_label, int(row.data_id.split()[-1][:-1])): row.status for row in rows}
    lost, failed = {1, 2}, {1, 2, 3, 6}
    assert {detector for (label, detector), was in status.items() if was == "lost"} == lost
    assert {detector for (label, detector), was in status.items() if was == "failed"} == failed - lost
    assert {detector for (label, detector), was in status.items() if was == "blocked"} == failed
    assert kept == set(range(9)) - failed
    messages = "\n".join(str(group.failure) for group in report.errors)
    for reason in ("SIGSEGV", "exit code 3", "Stopped after 3 s", "MemoryError"):
        assert reason in messages
    assert "Run bad: 18 quanta" in out
    assert site.fsck() == []
