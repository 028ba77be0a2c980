"""Configuration overrides: typed values, files, code, parameters; and what a bad one says."""

import pytest

from pipetask.errors import ConfigOverrideError
from pipetask.pipeline.pipeline import Pipeline

ONE = "description: d\nparameters: {{r: 9, planes: [A, B], more: [5]}}\ntasks:\n  cal:\n    class: sample_tasks.CalibrateTask\n{}"


@pytest.fixture
def one():
    """A pipeline of the task ``cal`` whose config block has the given lines."""

    def make(*lines):
        block = "    config:\n" + "".join(f"      {line}\n" for line in lines) if lines else ""
        return Pipeline.from_string(ONE.format(block), file="p.yaml")

    return make


def config_of(pipeline):
    return pipeline.configured()["cal"][1]


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("apRad: 7", "apRad", 7),
        ("apRad: '7'", "apRad", 7),
        ("threshold: 3", "threshold", 3.0),
        ("threshold: '1e1'", "threshold", 10.0),
        ("mode: good", "mode", "good"),
        ("planes: [SAT, CR]", "planes", ["SAT", "CR"]),
        ("planes: SAT, CR", "planes", ["SAT", "CR"]),
        ("planes: \"['SAT', 'CR']\"", "planes", ["SAT", "CR"]),
        ("radii: '1,2.5'", "radii", [1.0, 2.5]),
        ("limits: {low: 1.5}", "limits", {"low": 1.5}),
        ("limits: \"{'low': 1.5}\"", "limits", {"low": 1.5}),
        ("note: '12'", "note", "12"),
        ("note: null", "note", None),
        ("note: 'None'", "note", None),
        ("apRad: parameters.r", "apRad", 9),
        ("planes: parameters.planes", "planes", ["A", "B"]),
        ("python: config.apRad = parameters.r + 1", "apRad", 10),
        ("python: config.apRad = len(DETECTOR)  # of the module of the task", "apRad", 3),
        ("{concatenate: true, planes: [CR], limits: {high: 2.0}}", "planes", ["SAT", "CR"]),
        ("{concatenate: true, planes: CR}", "planes", ["SAT", "CR"]),
        ("{concatenate: true, radii: parameters.more}", "radii", [3.0, 5.0]),
        ("{concatenate: true, limits: {low: 1.5}}", "limits", {"low": 1.5}),
        ("{concatenate: false, planes: [CR]}", "planes", ["CR"]),
    ],
)
def test_values_are_taken_as_the_field_s_type(one, line, field, value):
    found = getattr(config_of(one(line)), field)
    assert (
        dict(found) if isinstance(value, dict) else list(found) if isinstance(value, list) else found
    ) == value


def test_dotted_fields_reach_subconfigurations(one):
    config = config_of(one("measure.radius: 2.5", "connections.outputName: mine"))
    assert config.measure.radius == 2.5
    assert config.connections.outputName == "mine"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("apRd: 4", r"p.yaml:7: task 'cal': there is no config field 'apRd' .*did you mean 'apRad'"),
        ("measure.radus: 4", r"'radus' \(of 'measure.radus'\).*did you mean 'radius'"),
        ("mesure.radius: 4", r"'mesure' \(of 'mesure.radius'\).*did you mean 'measure'"),
        ("connections.outputNme: x", "did you mean 'outputName'"),
        ("_frozen: true", "there is no config field '_frozen'"),
        ("apRad: four", "p.yaml:7: task 'cal': config field 'apRad' cannot be 'four'; it takes int"),
        ("apRad: 4.5", "'apRad' cannot be 4.5; it takes int"),
        ("planes: [1, 2]", "'planes' cannot be .*a list of str"),
        ("mode: slow", "'mode' cannot be 'slow'"),
        ("threshold: -1", "'threshold' cannot be -1"),
        ("apRad: parameters.q", "the pipeline has no parameter 'q'"),
        (
            "python: config.apRd = 4",
            "p.yaml:7: task 'cal': 'p.yaml:7' failed in line 1: AttributeError.*apRd; did you mean 'apRad'",
        ),
        (
            "python: config.apRad = 'x'",
            "failed in line 1: config field 'apRad': Value x is of incorrect type str",
        ),
        ("python: config.measure.radus = 4", "AttributeError.*radus; did you mean 'radius'"),
        ("python: config.apRad = len(config.plaens)", "AttributeError.*plaens'; did you mean 'planes'"),
        ("python: 'config.apRad = '", "failed in line 1: SyntaxError"),
        ("python: 'raise SystemExit(5)'", "failed in line 1: SystemExit: 5"),
        ("python: \"raise ValueError('a\\\\nb')\"", "failed in line 1: ValueError: a …$"),
        ("{concatenate: true, apRad: 4}", r"'apRad' cannot have 4 added \(concatenate: true\).*it takes int"),
        ("{concatenate: true, planes: 4}", "'planes' cannot have 4 added"),
        ("file: /no/such/file.py", "cannot read the config file '/no/such/file.py': No such file"),
    ],
)
def test_bad_overrides_say_field_value_type_and_place(one, line, message):
    with pytest.raises(ConfigOverrideError, match=message):
        config_of(one(line))


def test_config_files_are_python_over_config_with_variables_in_their_names(one, write, monkeypatch, tmp_path):
    write("over.py", "config.apRad = 11\nconfig.measure.radius = 1.0\n")
    monkeypatch.setenv("HERE", str(tmp_path))
    config = config_of(one("file: $HERE/over.py"))
    assert (config.apRad, config.measure.radius) == (11, 1.0)


def test_config_files_see_the_parameters(one, write):
    path = write("over.py", "config.apRad = parameters.r\n")
    assert config_of(one(f"file: {path}")).apRad == 9


BLOCKS = """    config:
      - apRad: 1
      - {dataId: {instrument: HSC}, apRad: 2, python: config.threshold = 2}
      - {dataId: {instrument: SimCam, %s}, apRad: 3}
"""


@pytest.mark.parametrize(("instrument", "ap_rad", "threshold"), [("HSC", 2, 2.0), ("DECam", 1, 5.0)])
def test_overrides_for_an_instrument_hold_for_pipelines_of_it_only(instrument, ap_rad, threshold, caplog):
    pipeline = Pipeline.from_string(ONE.format(BLOCKS % "detector: 5")).with_instrument(instrument)
    with caplog.at_level("INFO"):
        config = config_of(pipeline)
    assert (config.apRad, config.threshold) == (ap_rad, threshold)
    assert "<text>:9: task 'cal': 'apRad' is left out: it is for {'instrument': 'SimCam', 'detector': 5}" in (
        caplog.messages
    )


@pytest.mark.parametrize(
    ("instrument", "message"),
    [
        ("", r"<text>:8: task 'cal': a config block is for .*'HSC'.*, and the pipeline has no instrument"),
        ("SimCam", r"<text>:9: task 'cal': .*one configuration for all its quanta, and 'detector' is not"),
    ],
)
def test_overrides_for_data_that_only_some_quanta_may_have_are_errors(instrument, message):
    pipeline = Pipeline.from_string(ONE.format(BLOCKS % "detector: 5")).with_instrument(instrument)
    assert Pipeline.from_string(pipeline.to_yaml()) == pipeline
    with pytest.raises(ConfigOverrideError, match=message):
        pipeline.configured()


def test_a_failing_config_file_tells_its_line(one, write):
    path = write("over.py", "config.apRad = 11\n\nconfig.nothing = 3\n")
    with pytest.raises(ConfigOverrideError, match=rf"'{path}' failed in line 3: AttributeError"):
        config_of(one(f"file: {path}"))


def test_history_tells_where_a_value_was_set(one):
    config = config_of(one("apRad: 7"))
    assert "p.yaml:7" in config.formatHistory("apRad", writeSourceLine=True)


def test_overrides_given_later_win(one):
    pipeline = one("apRad: 7").with_config_override("cal", "apRad", "8")
    assert config_of(pipeline).apRad == 8
    assert config_of(pipeline.with_config_python("cal", "config.apRad += 1")).apRad == 9


def test_a_config_file_in_another_encoding_is_told_with_the_option(one, tmp_path):
    path = tmp_path / "over.py"
    path.write_bytes('config.note = "é"\n'.encode("latin-1"))
    with pytest.raises(ConfigOverrideError, match=rf"-C cal:{path}: task 'cal': .*'utf-8' codec"):
        config_of(one().with_config_file("cal", path))
    path.write_bytes('# coding: latin-1\nconfig.note = "é"\n'.encode("latin-1"))
    assert config_of(one().with_config_file("cal", path)).note == "é"


def test_with_config_file_starts_from_the_working_folder(one, write, monkeypatch, tmp_path):
    write("over.py", "config.apRad = 11\n")
    monkeypatch.chdir(tmp_path)
    pipeline = one().with_config_file("cal", "over.py")
    monkeypatch.chdir("/")
    assert config_of(pipeline).apRad == 11


def test_parameters_can_be_overridden(one):
    pipeline = one("apRad: parameters.r").with_config_override("parameters", "r", 5)
    assert config_of(pipeline).apRad == 5
    with pytest.raises(ConfigOverrideError, match="no parameter 'rr'"):
        pipeline.with_config_override("parameters", "rr", 5)


def test_an_override_for_an_unknown_task_suggests(one):
    with pytest.raises(ConfigOverrideError, match=r"no task 'call' \(it has cal\); did you mean 'cal'"):
        one().with_config_override("call", "apRad", 5)


def test_a_configuration_that_is_not_valid_as_a_whole_names_task_and_field(one):
    with pytest.raises(
        ConfigOverrideError, match="The configuration of task 'cal' is not valid: field 'apRad'"
    ):
        config_of(one("python: config.apRad = None"))


def test_configurations_are_frozen(one):
    config = config_of(one())
    with pytest.raises(ValueError, match="frozen"):
        config.apRad = 3


@pytest.mark.parametrize(("given", "found"), [("7", 7), ("[A]", "[A]")])
def test_a_parameter_from_the_command_line_has_the_type_of_its_default(given, found):
    text = "description: d\nparameters: {r: 9, name: x}\ntasks: {cal: sample_tasks.CalibrateTask}\n"
    field = "r" if isinstance(found, int) else "name"
    pipeline = Pipeline.from_string(text).with_config_override("parameters", field, given)
    assert pipeline.document.parameters[field] == found
