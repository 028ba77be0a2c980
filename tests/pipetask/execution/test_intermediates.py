"""What the coordinator keeps of finished quanta, and for how long."""

from uuid import UUID

from pipetask.butler import ArtifactRecord
from pipetask.execution.intermediates import Intermediates
from pipetask.execution.report import Report, Status


def report(graph, quantum):
    outputs = [ref for refs in graph.quantum(quantum).outputs.values() for ref in refs]
    record = ArtifactRecord("", "file", f"{quantum}.json", -1, 1, "", "", "json", "StructuredDataDict")
    return Report(
        quantum, Status.SUCCEEDED, written={ref.id: [record] for ref in outputs} | {UUID(int=1): [record]}
    )


def numbers_of(graph, label):
    return [i for i in range(len(graph)) if graph.label_of(i) == label]


def test_artifacts_are_kept_until_the_last_reader_is_done(numbers_repo):
    graph = numbers_repo.graph()
    intermediates = Intermediates(graph)
    double, add_one, (total,) = (numbers_of(graph, label) for label in ("double", "add_one", "total"))
    for quantum in double:
        assert intermediates.inputs_of(quantum) == {}
        intermediates.keep(report(graph, quantum))
    assert len(intermediates) == 4
    for quantum in add_one:
        (records,) = intermediates.inputs_of(quantum).values()
        assert records[0].path == f"{quantum - 4}.json"
        intermediates.keep(report(graph, quantum))
        intermediates.drop_inputs_of(quantum)
    assert {records[0].path for records in intermediates.inputs_of(total).values()} == {
        f"{i}.json" for i in add_one
    }
    intermediates.drop_inputs_of(total)
    assert len(intermediates) == 0


def test_an_input_that_was_not_made_has_no_artifacts(numbers_repo):
    graph = numbers_repo.graph()
    intermediates = Intermediates(graph)
    first, *_ = numbers_of(graph, "add_one")
    assert list(intermediates.inputs_of(first).values()) == [()]
