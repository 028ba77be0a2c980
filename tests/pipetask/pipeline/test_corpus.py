"""Pipeline documents, one per rule: good ones work, bad ones are refused with the message in their first line."""

from pathlib import Path

import pytest

from pipetask.errors import PipetaskError
from pipetask.pipeline.pipeline import Pipeline

CORPUS = Path(__file__).with_name("corpus")


def documents(kind):
    return [pytest.param(path, id=path.stem) for path in sorted((CORPUS / kind).glob("*.yaml"))]


@pytest.mark.parametrize("path", documents("good"))
def test_a_good_document_works_and_reads_back(path, tmp_path):
    pipeline = Pipeline.from_file(path)
    assert pipeline.to_graph().tasks
    copy = tmp_path / "copy.yaml"
    copy.write_text(pipeline.to_yaml())
    assert Pipeline.from_file(copy) == pipeline


@pytest.mark.parametrize("path", documents("bad"))
def test_a_bad_document_is_refused_with_the_message_of_its_first_line(path):
    expected = path.read_text().partition("\n")[0].removeprefix("# ")
    with pytest.raises(PipetaskError) as caught:
        Pipeline.from_file(path).to_graph()
    assert expected
    assert expected in str(caught.value)
