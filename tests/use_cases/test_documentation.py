"""The page on use cases has a section for each test module here, with definitions that can be read."""

import re
from pathlib import Path

from pipetask.butler.composites.definition_file import parse_definitions

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "composite_use_cases.md").read_text("utf-8")


def test_each_use_case_has_its_section_and_its_tests():
    sections = [int(number) for number in re.findall(r"^## (\d+)\. ", PAGE, re.MULTILINE)]
    modules = sorted(int(path.name[5:7]) for path in HERE.glob("test_[0-9]*.py"))
    assert sections == modules == list(range(1, 11))


def test_the_definitions_shown_can_be_read():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    names = [made.name for block in blocks for made in parse_definitions(block, "page")]
    assert len(names) == len(set(names)) == 10
