"""Making repositories on the command line."""

import json

import pytest
import yaml
from click.testing import CliRunner

from datastore import storage_class
from pipetask.butler import Butler, DatasetType
from pipetask.cli.main import butler

SEED = """
registry: other.sqlite3
datastore:
  templates: {notes: "{run}/jottings/{values}"}
  stores: [{name: file, root: elsewhere}]
"""


@pytest.fixture
def create(tmp_path, monkeypatch):
    """Runs ``butler create`` in an empty folder that holds ``seed.yaml``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUTLER_REPO", raising=False)
    (tmp_path / "seed.yaml").write_text(SEED)

    def run(*words, exit_code=0):
        result = CliRunner().invoke(butler, ["create", *words])
        assert result.exit_code == exit_code, result.output
        return result

    return run


def put_notes(repo):
    """Put a dataset, and return its path relative to the current folder."""
    with Butler.from_config(repo, run="first") as opened:
        kind = DatasetType("notes", [], "StructuredDataDict", universe=opened.dimensions)
        opened.register_dataset_type(kind)
        opened.put({"a": 1}, "notes")
    found = CliRunner().invoke(butler, ["query-datasets", repo, "notes", "--show-uri", "--format", "json"])
    return json.loads(found.stdout)[0]["uri"].removeprefix("file://")


def test_settings_of_a_seed_are_taken_but_not_its_places(create, tmp_path, caplog):
    create("repo", "--seed-config", "seed.yaml")
    assert "registry and datastore.stores of seed.yaml: left out" in caplog.text
    assert (tmp_path / "repo" / "registry.sqlite3").exists()
    assert put_notes("repo").startswith(str(tmp_path / "repo" / "first" / "jottings"))


def test_override_takes_the_places_of_a_seed_too(create, tmp_path, caplog):
    create("repo", "--seed-config", "seed.yaml", "--override")
    assert not caplog.text
    assert (tmp_path / "repo" / "other.sqlite3").exists()
    assert put_notes("repo").startswith(str(tmp_path / "repo" / "elsewhere" / "first" / "jottings"))
    assert "name that file" in create("other", "--override", exit_code=2).stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datastor: {}", "unknown key 'datastor'; did you mean 'datastore'"),
        ("datastore: {template: {}}", "'template'"),
        ("datastore: {storageClasses: {Mine: {pytype: dict}}}", "'Mine'"),
        ("datastore: {cls: lsst.daf.butler.FileDatastore}", "of LSST's lsst-daf-butler"),
        ("- 1", "not a mapping"),
    ],
)
def test_a_seed_that_is_none_is_told_and_nothing_is_made(create, tmp_path, text, message):
    (tmp_path / "seed.yaml").write_text(text)
    error = create("repo", "--seed-config", "seed.yaml", exit_code=2).stderr
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "repo").exists()


def test_a_standalone_repository_keeps_what_is_built_in_now(create, tmp_path, monkeypatch):
    create("plain")
    create("alone", "--standalone", "--seed-config", "seed.yaml")
    written = yaml.safe_load((tmp_path / "alone" / "butler.yaml").read_text())["datastore"]
    assert written["storageClasses"]["StructuredDataDict"]["pytype"] == "builtins.dict"
    assert set(written["templates"]) == {"default", "notes"}
    later = {"storageClasses": {}, "formatters": storage_class.built_in()["formatters"]}
    monkeypatch.setattr(storage_class, "built_in", lambda: later)  # a version without any of the classes
    put_notes("alone")
    with pytest.raises(LookupError, match="StructuredDataDict"):
        put_notes("plain")


def test_the_configuration_may_lie_elsewhere_and_names_the_repository(create, tmp_path, monkeypatch):
    create("repo", "--outfile", "mine.yaml")
    assert not (tmp_path / "repo" / "butler.yaml").exists()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert put_notes("../mine.yaml").startswith(str(tmp_path / "repo" / "first"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inside").mkdir()
    create("inside", "-f", "inside/mine.yaml")
    assert put_notes("inside/mine.yaml").startswith(str(tmp_path / "inside" / "first"))
    assert "exists already" in create("new", "-f", "mine.yaml", exit_code=2).stderr
    assert "FOLDER/NAME.yaml" in create("new", "-f", "nowhere/x.yaml", exit_code=2).stderr
    assert not (tmp_path / "new").exists()


def test_settings_of_a_site_hold_where_the_repository_has_none(create, tmp_path, monkeypatch):
    create("repo", "--seed-config", "seed.yaml")
    for name, key in (("site", "notes"), ("group", "log")):
        (tmp_path / name).mkdir()
        text = f'templates: {{{key}: "{name}/{{run}}/{{values}}", other: "{name}/{{run}}/{{values}}"}}'
        (tmp_path / name / "datastore.yaml").write_text(text)

    def shown(*words):
        result = CliRunner().invoke(butler, ["config-dump", "repo", "-s", ".datastore.templates", *words])
        return yaml.safe_load(result.stdout) if result.exit_code == 0 else result.stderr

    own = {"notes": "{run}/jottings/{values}"}
    assert shown() == own
    both = {"log": "group/{run}/{values}", "other": "group/{run}/{values}", **own}
    assert shown("-p", "group", "--searchpath", "site", "--file", "-") == both
    assert shown("-p", "site,group")["other"] == "site/{run}/{values}"
    assert "'repo' holds no datastore.yaml" in shown("-p", "repo")
    monkeypatch.setenv("BUTLER_CONFIG_PATH", str(tmp_path / "group"))
    assert shown() == both
    (tmp_path / "repo" / "butler.yaml").write_text("registry: registry.sqlite3\n")
    assert put_notes("repo").startswith(str(tmp_path / "repo" / "first"))
    (tmp_path / "group" / "datastore.yaml").write_text("templates: [")
    assert "datastore.yaml', line 1 is not valid YAML" in shown()


def test_dimension_config_is_the_references_name_of_universe(create, tmp_path):
    (tmp_path / "theirs.yaml").write_text("""
version: 0
skypix: {common: htm7, htm: {class: lsst.sphgeom.HtmPixelization, max_level: 24}}
elements: {site: {governor: true, keys: [{name: name, type: string, length: 16}], storage: {cls: a.B}}}
topology: {}
""")
    create("repo", "--dimension-config", "theirs.yaml")
    with Butler.from_config("repo") as opened:
        assert opened.dimensions.governors == ("site",)


def test_all_faults_of_a_universe_are_told_and_nothing_is_made(tmp_path):
    (tmp_path / "mine.yaml").write_text("namespace: x\nversion: y\nelements:\n  a:\n    key: []\n")
    result = CliRunner().invoke(
        butler, ["create", str(tmp_path / "repo"), "--universe", str(tmp_path / "mine.yaml")]
    )
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert "mine.yaml' defines no dimension universe:" in lines[0]
    assert "line 2: 'version' is no whole number: 'y'." in lines[1]
    assert "line 4: Element 'a' has no 'key'; did you mean 'keys'" in lines[2]
    assert "line 4: Element 'a' has neither keys" in lines[3]
    assert not (tmp_path / "repo").exists()
    (tmp_path / "mine.yaml").write_text("namespace: x\nversion: [\n")
    result = CliRunner().invoke(
        butler, ["create", str(tmp_path / "repo"), "--universe", str(tmp_path / "mine.yaml")]
    )
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "mine.yaml', line 3 is no valid YAML" in result.stderr
