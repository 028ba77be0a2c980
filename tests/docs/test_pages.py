"""What pages say can be done: commands and code run, links lead somewhere, YAML and Python are valid."""

import ast
import re
import textwrap
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FOLLOWED_ELSEWHERE = {"README.md", "first_session.md"}


def test_the_first_session_runs(first_session):
    assert (first_session / "repo" / "butler.yaml").is_file()


def test_what_a_page_says_can_be_done(page, reader, after_first_session):
    if page.name in FOLLOWED_ELSEWHERE:
        pytest.skip("has a test of its own")
    reader(after_first_session / "repo").follow(page)


def test_code_blocks_are_valid(page, code_blocks):
    for block in code_blocks(page):
        if block.language == "python":
            ast.parse(textwrap.dedent(block.text), block.place)
        elif block.language == "yaml":
            yaml.safe_load(block.text)


def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" not in target:
            assert (page.parent / target.partition("#")[0]).exists(), target
