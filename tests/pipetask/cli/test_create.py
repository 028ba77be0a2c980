"""Making repositories on the command line."""

from click.testing import CliRunner

from pipetask.cli.main import butler


def test_all_faults_of_a_universe_are_told_and_nothing_is_made(tmp_path):
    (tmp_path / "mine.yaml").write_text("{namespace: x, version: y, elements: {a: {key: []}}}")
    result = CliRunner().invoke(
        butler, ["create", str(tmp_path / "repo"), "--universe", str(tmp_path / "mine.yaml")]
    )
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert "'version' is no whole number: 'y'." in lines[1]
    assert "no 'key'; did you mean 'keys'" in lines[2]
    assert "has neither keys" in lines[3]
    assert not (tmp_path / "repo").exists()
