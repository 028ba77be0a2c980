"""Rows look right to people and parse in programs."""

import csv
import io
import json

import click
import pytest
from click.testing import CliRunner

from pipetask.cli.show import format_option, show

COLUMNS = ["name", "n", "when"]
ROWS = [
    ("a long name that must never be cut " * 5, 1, None),
    ('with, comma and "quotes"', -20, ["now", "then"]),
]


def shown(format_):
    @click.command()
    @format_option()
    def command(format_):
        show(COLUMNS, ROWS, format_)

    result = CliRunner().invoke(command, ["--format", format_])
    assert result.exit_code == 0
    return result.output


def test_a_table_shows_every_cell_whole():
    lines = shown("table").splitlines()
    assert lines[0].split() == COLUMNS
    assert ROWS[0][0].strip() in lines[2]
    assert "-20" in lines[3]
    assert not any("…" in line for line in lines)


def test_a_table_aligns_numbers_to_the_right():
    lines = shown("table").splitlines()
    end = lines[2].index(" 1 ", len(ROWS[0][0]) - 1) + 2
    assert lines[3][:end].endswith("-20")


def test_json_is_one_list_of_objects_with_nulls_numbers_and_lists():
    assert json.loads(shown("json")) == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


def test_jsonl_is_one_object_per_line():
    lines = shown("jsonl").splitlines()
    assert [json.loads(line)["n"] for line in lines] == [1, -20]


def test_csv_quotes_what_needs_it():
    header, *rows = csv.reader(io.StringIO(shown("csv")))
    assert header == COLUMNS
    assert rows[1] == ['with, comma and "quotes"', "-20", "now, then"]


def test_an_unknown_format_is_refused():
    with pytest.raises(AssertionError):
        shown("xml")
