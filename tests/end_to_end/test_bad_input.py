"""Whatever is wrong is said in one line that tells what to do next."""

import shutil


def run(shell, pipeline, *options, exit_code=2):
    return shell.error("pipetask", "run", "-b", "repo", "-p", pipeline, *options, exit_code=exit_code)


def test_no_repository_here_or_above(shell):
    line = shell.error("butler", "query-datasets")
    assert "No repository" in line
    assert "butler create" in line


def test_an_unregistered_dataset_type_names_the_type_and_the_option(survey, pipeline):
    line = run(survey, pipeline, "-o", "u/me/x")
    assert "postISRCCD" in line
    assert "--register-dataset-types" in line


def test_an_input_collection_that_does_not_exist_suggests_the_nearest(survey, pipeline):
    line = run(survey, pipeline, "-i", "SimCam/default", "-o", "u/me/x", "--register-dataset-types")
    assert "'SimCam/default'" in line
    assert "SimCam/defaults" in line


def test_an_empty_graph_says_which_step_emptied_it(survey, pipeline):
    line = run(survey, pipeline, "-o", "u/me/x", "-d", "detector=77", "--register-dataset-types", exit_code=3)
    assert "detector" in line
    assert "77" in line
    assert line.endswith("butler query-dimension-records detector")  # a command that works as it stands


def test_an_expression_that_cannot_be_read_points_at_the_character(survey):
    done = survey("butler", "query-datasets", "repo", "raw", "--where", "detector = = 1", exit_code=2)
    assert "^" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_dimension_suggests_the_nearest(survey):
    line = survey("butler", "query-data-ids", "repo", "vist", exit_code=2).stderr
    assert "visit" in line


def test_nothing_found_has_its_own_exit_code_and_a_misspelt_type_is_wrong_usage(survey):
    line = survey.error("butler", "query-datasets", "repo", "nosuch*", exit_code=3)
    assert "nosuch*" in line
    line = survey.error("butler", "query-datasets", "repo", "rwa", exit_code=2)
    assert "did you mean 'raw'?" in line


def test_a_task_that_raises_leaves_the_others_running_and_is_reported(survey, pipeline, tmp_path):
    (tmp_path / "fragile.py").write_text(FRAGILE)
    (tmp_path / "fragile.yaml").write_text(
        "description: fails for one detector\ntasks:\n  fragile:\n    class: fragile.FragileTask\n"
    )
    survey.environment["PYTHONPATH"] = str(tmp_path)
    done = survey(
        *("pipetask", "run", "-b", "repo", "-p", "fragile.yaml", "-o", "u/me/fragile", "-j", "2"),
        "--register-dataset-types",
        exit_code=1,
    )
    assert "Traceback" not in done.stderr
    rows = survey.rows("butler", "query-datasets", "repo", "checked")
    assert {row["detector"] for row in rows} == {0}
    report = survey("pipetask", "report", "-b", "repo", "u/me/fragile", exit_code=1).stdout
    assert "fragile" in report
    assert "ValueError: detector 1 is not for us" in report


FRAGILE = """
from pipetask import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, Struct, connectionTypes


class FragileConnections(PipelineTaskConnections, dimensions=("exposure", "detector")):
    raw = connectionTypes.Input(
        doc="raw image", name="raw", storageClass="Exposure", dimensions=("exposure", "detector"), deferLoad=True
    )
    checked = connectionTypes.Output(
        doc="what was found", name="checked", storageClass="StructuredDataDict", dimensions=("exposure", "detector")
    )


class FragileConfig(PipelineTaskConfig, pipelineConnections=FragileConnections):
    pass


class FragileTask(PipelineTask):
    ConfigClass = FragileConfig
    _DefaultName = "fragile"

    def run(self, raw):
        if raw.dataId["detector"] == 1:
            raise ValueError("detector 1 is not for us")
        return Struct(checked={"ok": True})
"""


def test_damaged_files_are_named_and_the_others_are_ingested(simulated, shell, pipeline):
    shutil.copytree(simulated.folder / "raw", shell.folder / "raw")
    truncated, nameless, letter, *others = sorted((shell.folder / "raw").rglob("*.fits"))
    truncated.write_bytes(truncated.read_bytes()[: truncated.stat().st_size // 2])
    nameless.write_bytes(nameless.read_bytes().replace(b"EXPNUM  =", b"NOTHING ="))
    letter.write_bytes(b"this is a letter to the editor")
    shell("butler", "create", "repo")
    shell(
        "butler", "register-instrument", "repo", pipeline.parents[1] / "examples" / "cameras" / "simcam.yaml"
    )
    done = shell("butler", "ingest-raws", "repo", "raw", exit_code=1)
    assert all(victim.name in done.stdout + done.stderr for victim in (truncated, nameless, letter))
    assert len(shell.rows("butler", "query-datasets", "repo", "raw")) == len(others)


def test_an_option_that_does_not_exist_is_a_usage_error(survey):
    line = survey.error("butler", "query-datasets", "repo", "--colections", "x")
    assert "--collections" in line


def test_a_pipeline_file_that_does_not_exist_is_named(survey):
    assert "missing.yaml" in run(survey, "missing.yaml")


def test_options_that_a_saved_graph_has_decided_are_refused_beside_it(survey):
    line = survey.error("pipetask", "run", "-b", "repo", "-g", "x.qg", "-o", "other", "-d", "visit=1")
    assert "--output, --data-query" in line
    assert "-g" in line


def test_explain_shows_the_steps_of_an_empty_graph_too(survey, pipeline):
    done = survey(
        *("pipetask", "qgraph", "-b", "repo", "-p", pipeline, "-d", "detector=77", "--show", "explain"),
        exit_code=3,
    )
    assert "data IDs joined" in done.stdout
    assert "77" in done.stderr
