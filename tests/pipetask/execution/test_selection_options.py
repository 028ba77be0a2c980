"""Options of `pipetask` that say which data are processed, and what is left out because it is done."""

import pyarrow as pa
import pytest
from astropy.table import Table
from pyarrow import parquet

RUN = ("-i", "numbers", "-o", "out", "--register-dataset-types")


@pytest.fixture
def quanta(commands):
    """Run ``pipetask qgraph`` with options; return the number of quanta by task."""

    def count(*options):
        shown = commands("qgraph", "-i", "numbers", "-o", "new", *options, "--show", "graph").stdout
        labels = [line.split()[0] for line in shown.splitlines() if not line.startswith(" ")]
        return {label: labels.count(label) for label in dict.fromkeys(labels)}

    return count


@pytest.mark.parametrize("suffix", ["csv", "ecsv", "parquet", "fits"])
def test_a_table_of_data_ids_restricts_the_data(quanta, tmp_path, suffix):
    path = tmp_path / f"ids.{suffix}"
    columns = {"instrument": ["Cam", "Cam"], "detector": [1, 3]}
    if suffix == "parquet":
        parquet.write_table(pa.table(columns), path)
    else:
        Table(columns).write(path)
    assert quanta("--data-id-table", path) == {"double": 2, "add_one": 2, "total": 1}


def test_several_tables_and_the_query_must_all_hold(quanta, tmp_path):
    for name, detectors in {"a": [0, 1, 2], "b": [1, 2, 3]}.items():
        Table({"detector": detectors}).write(tmp_path / f"{name}.csv")
    tables = ("--data-id-table", tmp_path / "a.csv", "--data-id-table", tmp_path / "b.csv")
    assert quanta(*tables)["double"] == 2
    assert quanta(*tables, "-d", "detector > 1")["double"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("detector,flux\n1,2.5\n", "Column 'flux' of the table of data IDs"),
        ("detectr\n1\n", "'detectr' of the table of data IDs '{path}' is no dimension; did you mean 'detector'? Leave it out"),
        ("detector\nA\n", "holds 'A', but values of detector are whole numbers"),
        ("instrument,detector\nCam,\n", "Column 'detector' of the table of data IDs '{path}' has no value in row 1"),
        (None, "Can't read the table of data IDs '{path}': No such file or directory. Give a CSV"),
    ],
)  # fmt: skip
def test_a_table_that_makes_no_sense_is_an_error_that_names_it(commands, tmp_path, content, message):
    path = tmp_path / "ids.csv"
    if content:
        path.write_text(content)
    line = commands.error("qgraph", "-i", "numbers", "-o", "new", "--data-id-table", path)
    assert message.format(path=path) in line


def test_data_ids_of_a_table_that_do_not_exist_are_named_as_the_cause(commands, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("detector\n77\n")
    line = commands.error("qgraph", "-i", "numbers", "-o", "new", "--data-id-table", path, exit_code=3)
    assert f"the table of data IDs '{path}'" in line
    path.write_text("detector\n")
    line = commands.error("qgraph", "-i", "numbers", "-o", "new", "--data-id-table", path, exit_code=3)
    assert f"The table of data IDs '{path}' has no rows" in line


def test_inputs_that_need_not_exist_let_data_ids_in_which_the_task_then_drops(commands):
    options = ("qgraph", "-i", "empty", "-o", "new")
    commands.repo.butler.collections.register("empty")
    assert "There are no 'number' datasets" in commands.error(*options, exit_code=3)
    line = commands.error(*options, "--dataset-query-constraint", "off", exit_code=3)
    assert "No quantum of task 'double' is left" in line
    line = commands.error(*options, "--dataset-query-constraint", "other,number", exit_code=3)
    assert "There are no 'number' datasets" in line


def test_what_was_done_elsewhere_is_left_out(commands, quanta):
    commands("run", *RUN, "-d", "detector < 2")
    assert quanta("--skip-existing-in", "out")["double"] == 2


def test_skipping_what_exists_in_the_run_is_what_extending_does(commands):
    commands("run", *RUN, "-d", "detector < 2")
    for options in (("--extend-run",), ("--extend-run", "--skip-existing")):
        shown = commands("qgraph", "-o", "out", *options, "--show", "graph").stdout
        assert shown.count("double {") == 2


def test_skipping_without_extending_leaves_the_run_alone(commands, quanta):
    commands("run", *RUN)
    assert quanta("--skip-existing")["double"] == 4


def test_what_was_not_kept_is_made_again_where_it_is_needed(commands, quanta):
    commands("run", *RUN, "-d", "detector < 2")
    done = ("--skip-existing-in", "out")
    assert quanta(*done) == {"double": 2, "add_one": 2}
    # `total` was done for the instrument: let it be made again, of what the others did not keep.
    refs = commands.repo.butler.query_datasets("total_metadata", collections="out")
    commands.repo.butler.pruneDatasets(refs, disassociate=True, unstore=True, purge=True)
    assert quanta(*done) == {"double": 2, "add_one": 2, "total": 1}
    kept = ("--retained-dataset-types", "*_metadata,doubled")
    assert quanta(*done, *kept) == {"double": 2, "add_one": 4, "total": 1}
    assert quanta(*done, "--retained-dataset-types", "*_metadata") == {"double": 4, "add_one": 4, "total": 1}


def test_a_pattern_of_what_was_kept_that_fits_nothing_is_a_warning(commands, caplog):
    commands("run", *RUN, "-d", "detector < 2")
    options = ("--skip-existing-in", "out", "--retained-dataset-types", "*,duobled")
    commands("qgraph", "-i", "numbers", "-o", "new", *options)
    assert "'duobled' is none of this pipeline; did you mean 'doubled'?" in caplog.text


def test_what_was_kept_means_nothing_where_nothing_is_skipped(commands):
    line = commands.error("qgraph", "-i", "numbers", "-o", "new", "--retained-dataset-types", "total")
    assert "Add --skip-existing-in COLLECTION or --extend-run" in line


def test_options_that_select_data_are_refused_beside_a_saved_graph(commands, tmp_path):
    commands("qgraph", "-i", "numbers", "-o", "new", "-q", tmp_path / "x.qg")
    line = commands.error("qgraph", "-g", tmp_path / "x.qg", "--data-id-table", "a.csv", "--rebase")
    assert line.startswith("Error: --data-id-table, --rebase: not with -g")
    assert "--dataset-query-constraint" in commands.error(
        "qgraph", "-g", tmp_path / "x.qg", "--dataset-query-constraint", "off"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "json"), "--format json is a form of the plan: add --plan."),
        (("--why", "double", "detector=1", "-q", "x.qg"), "--save-qgraph: not with --why"),
        (("--why", "double", "detector=1", "--plan", "--show"), "--plan, --show: not with --why"),
    ],
)
def test_options_that_would_say_nothing_are_refused(commands, options, message):
    assert message in commands.error("qgraph", "-i", "numbers", "-o", "new", *options)
