"""The page on use cases has a section for each test module here, with definitions that can be read."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler
from pipetask.butler.composites.definition_file import parse_definitions
from pipetask.cli.main import butler as butler_command

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "composite_use_cases.md").read_text("utf-8")


def test_each_use_case_has_its_section_and_its_tests():
    sections = [int(number) for number in re.findall(r"^## (\d+)\. ", PAGE, re.MULTILINE)]
    modules = sorted(int(path.name[5:7]) for path in HERE.glob("test_[0-9]*.py"))
    assert sections == modules == list(range(1, 11))


SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    root = tmp_path_factory.mktemp("fresh") / "repo"
    Butler.makeRepo(root).close()
    return root


@pytest.mark.parametrize("section", [each for each in SECTIONS if "```" in each])
def test_the_lines_of_a_section_can_be_pasted_in_a_fresh_repository(fresh, tmp_path, monkeypatch, section):
    shutil.copytree(fresh, tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    ((name, definition),) = re.findall(r"```yaml file=(\S+)\n(.*?)```", section, re.DOTALL)
    Path(name).write_text(definition)
    ((commands),) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    for line in commands.splitlines():
        done = CliRunner().invoke(butler_command, line.split()[1:])
        assert done.exit_code == 0, done.output
    with Butler.from_config() as butler:
        shown = [made.name for made in parse_definitions(definition, "page")]
        assert list(butler.composites.all()) == sorted(shown)


def test_no_two_definitions_have_one_name():
    blocks = re.findall(r"```yaml .*?\n(.*?)```", PAGE, re.DOTALL)
    names = [made.name for block in blocks for made in parse_definitions(block, "page")]
    assert len(names) == len(set(names)) == 10
