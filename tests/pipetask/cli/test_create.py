"""Making repositories on the command line."""

from click.testing import CliRunner

from pipetask.cli.main import butler


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
