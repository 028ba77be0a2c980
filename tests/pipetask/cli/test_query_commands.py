"""Queries from the command line: data IDs that datasets exist for, pixels, and sentences where there is nothing."""

import json

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler, DatasetType
from pipetask.cli.main import butler
from pipetask.errors import DatasetNotFoundError


@pytest.fixture
def repo(tmp_path):
    """Instrument Cam, visits 1-3 in bands g, r, g; ``cat`` of visits 1 and 2 in run ``first``, 2 in ``second``."""
    with Butler.makeRepo(tmp_path / "repo") as made:
        insert = made.registry.insert_dimension_records
        insert("instrument", [{"name": "Cam", "visit_max": 9}])
        insert("physical_filter", {"instrument": ["Cam"] * 2, "name": ["g1", "r1"], "band": ["g", "r"]})
        insert("day_obs", [{"instrument": "Cam", "id": 20260101}])
        for i in (1, 2, 3):
            physical_filter = "gr"[i % 2 - 1] + "1"
            insert(
                "visit",
                [{"instrument": "Cam", "id": i, "name": f"v{i}", "physical_filter": physical_filter, "day_obs": 20260101}],
            )  # fmt: skip
        cat = DatasetType("cat", ["visit"], "StructuredDataDict", universe=made.dimensions)
        made.registry.register_dataset_type(cat)
        for run, visits in (("first", (1, 2)), ("second", (2,))):
            made.registry.collections.register(run)
            for visit in visits:
                made.put({}, "cat", instrument="Cam", visit=visit, run=run)
    return str(tmp_path / "repo")


def ask(*arguments):
    result = CliRunner().invoke(butler, arguments)
    rows = json.loads(result.stdout) if result.exit_code == 0 else result.stderr.strip()
    return result.exit_code, rows


def test_data_ids_can_be_those_of_datasets(repo):
    json_ = ["--format", "json", "--order-by", "visit"]
    code, rows = ask("query-data-ids", repo, "visit", "--datasets", "cat", *json_)
    assert (code, [row["visit"] for row in rows]) == (0, [1, 2])
    _, rows = ask("query-data-ids", repo, "--datasets", "cat", "--collections", "second", *json_)
    assert rows == [
        {"band": "r", "instrument": "Cam", "day_obs": 20260101, "physical_filter": "r1", "visit": 2}
    ]
    _, rows = ask(
        "query-data-ids", repo, "band", "--datasets", "cat", "--collections", "first", "--format", "json"
    )
    assert sorted(row["band"] for row in rows) == ["g", "r"]


def test_pixels_are_listed_if_they_are_named(repo):
    _, rows = ask(
        "query-dimension-records", repo, "htm3", "--where", "htm3 IN (512, 513)", "--format", "json"
    )
    assert rows == [{"htm3": 512}, {"htm3": 513}]
    code, message = ask("query-dimension-records", repo, "htm7")
    assert code == 2
    assert "The pixels of the whole sky are not listed" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query-data-ids", "visit", "--where", "visit > 7"], "Nothing matches visit > 7."),
        (["query-dimension-records", "visit", "--where", "visit > 7"], "Nothing matches visit > 7."),
        (["query-datasets", "cat", "--where", "visit = 3"], "No dataset 'cat' in collections * with visit = 3; they hold some"),
        (["query-datasets", "dog*"], "No datasets of types dog* in collections *."),
        (["query-data-ids", "--datasets", "cat", "--collections", "second", "--where", "visit=1"], "No dataset 'cat' in collections second"),
    ],
)  # fmt: skip
def test_nothing_found_is_explained(repo, arguments, message):
    name, *rest = arguments
    code, said = ask(name, repo, *rest)
    assert code == 3
    assert message in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query-data-ids"], "Name at least one dimension"),
        (["query-data-ids", "visit", "--collections", "first"], "--collections says where to search for --datasets"),
        (["query-data-ids", "--datasets", "cats"], "did you mean 'cat'?"),
        (["query-datasets", "cats"], "No dataset type 'cats'"),
        (["query-datasets", "cat", "--order-by", "colour"], "Unknown name 'colour'; there are band, instrument,"),
        (["query-data-ids", "visit", "--order-by=-visti"], "did you mean 'visit'?"),
        (["query-dimension-records", "visit", "--order-by", "colour"], "Unknown name 'colour'; there are band,"),
        (["query-datasets", "--collections", ","], "',' names nothing"),
        (["query-datasets", "cats"], "did you mean 'cat'?"),
        (["query-data-ids", "visit", "--where", "instrument='Can'"], "No instrument 'Can' is registered; did you mean 'Cam'?"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_told(repo, arguments, message):
    name, *rest = arguments
    code, said = ask(name, repo, *rest)
    assert code == 2
    assert message in said


def test_results_come_in_pages(repo):
    pages = [
        [row["visit"] for row in ask(command, repo, "visit", *options, "--format", "json")[1]]
        for command in ("query-data-ids", "query-dimension-records")
        for options in (
            ["--limit", "2", "--order-by", "-visit"],
            ["--limit", "2", "--offset", "2", "--order-by", "-visit"],
            ["--limit", "0", "--order-by", "-visit"],
        )
    ]
    assert pages == [[3, 2], [1], [3, 2, 1]] * 2
    for command in ("query-data-ids", "query-dimension-records"):
        assert ask(command, repo, "visit", "--offset", "2")[0] == 2
        code, said = ask(command, repo, "visit", "--limit", "2", "--offset", "5")
        assert code == 3
        assert "no more than 5" in said


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["query-datasets", "cat"], "datasets"),
        (["query-data-ids", "visit"], "data IDs"),
        (["query-dimension-records", "visit"], "records"),
        (["query-dimension-records", "visit", "--offset", "1"], "records"),
    ],
)
def test_more_than_the_limit_is_said(repo, arguments, what):
    name, *rest = arguments
    for limit in ("1", "-1"):
        result = CliRunner().invoke(butler, [name, str(repo), *rest, "--limit", limit, "--format", "csv"])
        assert len(result.stdout.splitlines()) == 2
        assert result.stderr == f"There are more {what} than the 1 shown; use --limit 0 for all.\n"
    result = CliRunner().invoke(butler, [name, str(repo), *rest, "--limit", "3"])
    assert (result.exit_code, result.stderr) == (0, "")


def test_values_that_there_are_not_may_be_asked_for_without_a_check(repo):
    where = ["visit", "--where", "instrument='Can'"]
    assert ask("query-dimension-records", repo, *where)[0] == 2
    code, said = ask("query-dimension-records", repo, *where, "--no-check")
    assert code == 3
    assert "instrument = 'Can'" in said


def test_records_can_be_those_of_datasets(repo):
    options = ["--order-by", "visit", "--format", "json"]
    _, rows = ask("query-dimension-records", repo, "visit", "--datasets", "cat", *options)
    assert [row["name"] for row in rows] == ["v1", "v2"]
    _, rows = ask(
        *("query-dimension-records", repo, "visit", "--datasets", "cat", "--collections", "second", *options)
    )
    assert [row["name"] for row in rows] == ["v2"]
    assert ask("query-dimension-records", repo, "visit", "--collections", "second")[0] == 2


def test_dataset_types_can_be_those_of_collections(repo):
    with Butler.from_config(repo, writeable=True) as made:
        made.register_dataset_type(DatasetType("dog", (), "StructuredDataDict", universe=made.dimensions))
        made.collections.register("third")
    names = ["--format", "json", "--collections"]
    assert [row["name"] for row in ask("query-dataset-types", repo, *names[:2])[1]] == ["cat", "dog"]
    assert [row["name"] for row in ask("query-dataset-types", repo, *names, "f*,third")[1]] == ["cat"]
    code, said = ask("query-dataset-types", repo, *names, "third")
    assert (code, said) == (3, "No dataset type among those of third matches *.")
    assert ask("query-dataset-types", repo, "dig") == (3, "No dataset type matches dig; did you mean 'dog'?")


def test_datasets_of_several_types_are_sorted_by_what_they_have(repo):
    with Butler.from_config(repo, writeable=True) as made:
        made.register_dataset_type(
            DatasetType("dog", ["instrument"], "StructuredDataDict", universe=made.dimensions)
        )
        made.put({}, "dog", instrument="Cam", run="first")
    options = ["--collections", "first", "--format", "json"]
    _, rows = ask("query-datasets", repo, "cat", "dog", *options, "--order-by=-visit,instrument")
    assert [(row["type"], row["visit"]) for row in rows] == [("cat", 2), ("cat", 1), ("dog", None)]
    _, rows = ask("query-datasets", repo, *options, "--order-by=-visit.exposure_time,visit")
    assert [(row["type"], row["visit"]) for row in rows] == [("cat", 1), ("cat", 2), ("dog", None)]
    for wrong, message in (("vist", "did you mean 'visit'?"), ("exposure", "cannot be sorted by 'exposure'")):
        code, said = ask("query-datasets", repo, "cat", "dog", *options, "--order-by", wrong)
        assert (code, message in said) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query-datasets", "nowhere", "--limit", "x"], "'x' is not a valid integer"),
        (["query-datasets", "nowhere", "--fromat", "csv"], "--fromat"),
        (["migrate", "nowhere", "show"], "'nowhere' is no repository"),
        (["collection-log", "nowhere", "best", "x"], "'nowhere' is no repository"),
    ],
)
def test_wrong_options_are_told_before_a_missing_repository(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUTLER_REPO", raising=False)
    result = CliRunner().invoke(butler, arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_path_that_is_no_repository_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = ask("query-datasets", "/wrong/repo", "cat")
    assert code == 2
    assert "butler.yaml. '/wrong/repo' is no repository either." in said
    code, said = ask("migrate", "wrong", "show")
    assert code == 2
    assert "butler.yaml. 'wrong' is no repository either." in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["query-datasets", "cat"],
        ["query-data-ids", "visit"],
        ["query-dimension-records", "visit"],
        ["query-dataset-types"],
        ["query-collections"],
    ],
)
def test_every_query_has_four_formats(repo, arguments):
    name, *rest = arguments
    shown = {
        kind: CliRunner().invoke(butler, [name, repo, *rest, "--format", kind]).stdout
        for kind in ("table", "json", "jsonl", "csv")
    }
    rows = json.loads(shown["json"])
    assert [json.loads(line) for line in shown["jsonl"].splitlines()] == rows
    assert shown["csv"].splitlines()[0].split(",") == list(rows[0])
    assert len(shown["csv"].splitlines()) == len(rows) + 1
    assert shown["table"].split("\n")[0].split() == list(rows[0])


def test_options_may_come_from_a_file(repo, tmp_path):
    file = tmp_path / "options.yaml"
    file.write_text(
        "query-datasets: {collections: 'second,first', find-first: true, format: json}\nquery-data-ids:\n"
    )
    _, rows = ask("query-datasets", repo, "cat", "-@", str(file), "--order-by", "visit")
    assert [(row["run"], row["visit"]) for row in rows] == [("first", 1), ("second", 2)]
    _, rows = ask("query-datasets", repo, "cat", "-@", str(file), "--collections", "second")
    assert [row["visit"] for row in rows] == [2]
    file.write_text("query-datasets: {collection: second}")
    code, said = ask("query-datasets", repo, "-@", str(file))
    assert code == 2
    assert "no such option; did you mean 'collections'" in said
    file.write_text("[1]")
    assert "no mapping of commands" in ask("query-datasets", repo, "-@", str(file))[1]
    file.write_text("a: [")
    assert "no YAML file of options" in ask("query-datasets", repo, "-@", str(file))[1]


def test_what_has_no_file_has_no_uri(on_repo):
    with on_repo.open() as butler:
        kept, unstored = butler.query_datasets("notes", "first", where="instrument = 'Cam' AND detector < 2")
        butler.pruneDatasets([unstored], unstore=True)
        with pytest.raises(DatasetNotFoundError, match="has no files"):
            butler.getURI(unstored)
        uris = [butler.getURI(kept), ""]
    rows = on_repo.rows(
        "query-datasets", "notes", "--collections", "first", "--show-uri", "--where", "detector < 2"
    )
    assert [row["uri"] for row in rows] == uris
