"""A camera described in YAML: what it says, and what is wrong with it."""

import re
from pathlib import Path

import pytest

from pipetask.errors import CameraDescriptionError, HeaderError
from pipetask.observation.camera_description import CameraDescription

CAMERAS = Path(__file__).parents[3] / "examples" / "cameras"
MINIMAL = """\
instrument: Cam
detectors:
  names: {1: A, 2: B}
filters:
  - {name: g, band: g}
header:
  exposure: EXP
  detector: CCD
  physical_filter: FILT
  begin: {key: DATE, format: isot}
"""
HEADER = {"EXP": 7, "CCD": " B ", "FILT": "g", "DATE": "2020-01-01T00:00:10"}


def camera(extra="", text=MINIMAL):
    return CameraDescription(text + extra, "cam.yaml")


def with_header(line):
    return camera(text=MINIMAL.replace("header:\n", f"header:\n  {line}\n"))


@pytest.mark.parametrize("path", sorted(CAMERAS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_descriptions_are_valid(path):
    description = CameraDescription(path.read_text(), str(path))
    assert description.detectors()
    assert description.filters()


def test_a_keyword_becomes_a_field():
    values = camera().translate(HEADER, "x.fits")
    assert (values["exposure"], values["detector"], values["physical_filter"]) == (7, "B", "g")
    assert values["begin"].isot == "2020-01-01T00:00:10.000"
    assert values["begin"].scale == "utc"


@pytest.mark.parametrize(
    ("line", "header", "field", "expected"),
    [
        ("target_name: {constant: M17}", {}, "target_name", "M17"),
        ("target_name: OBJECT", {}, "target_name", None),
        ("target_name: OBJECT", {"OBJECT": "  "}, "target_name", None),
        ("observation_type: {key: T, default: science}", {}, "observation_type", "science"),
        ("observation_type: {key: T, map: {obj: science}}", {"T": "obj"}, "observation_type", "science"),
        ("seq_num: {key: ID, match: 'n(\\d+)'}", {"ID": "n042x"}, "seq_num", 42),
        ("obs_id: {template: '{EXP:05d}-{FILT}'}", {}, "obs_id", "00007-g"),
        ("exposure_time: {key: T, unit: ms}", {"T": 1500}, "exposure_time", 1.5),
        ("tracking_ra: {key: RA, unit: hourangle}", {"RA": "06:00:00"}, "tracking_ra", 90.0),
        ("tracking_dec: DEC", {"DEC": "-10:30:00"}, "tracking_dec", -10.5),
        ("tracking_ra: {key: RA, unit: rad}", {"RA": 0.5}, "tracking_ra", 28.64788975654116),
        ("day_obs: {key: N, format: '%y%m%d'}", {"N": "990502"}, "day_obs", 19990502),
        ("day_obs: N", {"N": "19990502"}, "day_obs", 19990502),
        (
            "end: {template: '{D} {U}', format: '%d/%m/%Y %H:%M'}",
            {"D": "02/03/2020", "U": "04:05"},
            "end",
            None,
        ),
        ("end: {key: M, format: mjd, scale: tai}", {"M": 58849.0}, "end", None),
    ],
)
def test_sources_and_steps(line, header, field, expected):
    value = with_header(line).translate(HEADER | header, "x.fits")[field]
    if field == "end":
        assert value.isot[:16] in ("2020-03-02T04:05", "2020-01-01T00:00")
    else:
        assert value == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_a_group_of_the_file_name_is_a_source():
    text = MINIMAL.replace("detector: CCD", "detector: {file: chip}")
    files = "files: {name: 'c(?P<chip>[0-9]+)[.]fits'}\n"
    assert camera(files, text).translate(HEADER, "/a/b/c2.fits")["detector"] == 2
    with pytest.raises(HeaderError, match="name does not match"):
        camera(files, text).translate(HEADER, "/a/b/d2.fits")


def test_an_image_of_another_camera_is_refused():
    with pytest.raises(HeaderError, match="INSTRUME is 'Other', not 'Cam': this is no image of Cam"):
        camera("match: {INSTRUME: Cam}\n").translate(HEADER | {"INSTRUME": "Other"}, "x.fits")


@pytest.mark.parametrize(
    ("line", "header", "message"),
    [
        ("seq_num: S", {"S": "abc"}, "S = 'abc' is not a valid int (needed for seq_num)"),
        ("obs_id: {key: S, match: '^x'}", {"S": "abc"}, "S = 'abc' does not match '^x'"),
        ("obs_id: {key: S, map: {x: y}}", {"S": "abc"}, "S = 'abc' is none of ['x']"),
        ("end: {key: S, format: isot}", {"S": "yesterday"}, "S = 'yesterday' is not a valid time"),
    ],
)
def test_a_value_that_cannot_be_translated_is_quoted(line, header, message):
    with pytest.raises(HeaderError, match=re.escape(message)):
        with_header(line).translate(HEADER | header, "x.fits")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "exposure: EXP",
            "exposre: EXP",
            "line 7: unknown key 'exposre'; did you mean 'exposure'? (in header)",
        ),
        ("names:", "nmes:", "line 3: unknown key 'nmes'; did you mean 'names'? (in detectors)"),
        ("begin: {key", "begin: {kye", "line 10: unknown key 'kye'; did you mean 'key'? (in header.begin)"),
        ("{key: DATE, format: isot}", "{format: isot}", "line 10: give one of 'key', 'template'"),
        ("exposure: EXP", "exposure: 3", "line 7: 'exposure' must be str or dict, not 3 (in header)"),
        ("instrument: Cam", "doc: Cam", "line 1: key 'instrument' is missing"),
        ("exposure: EXP", "group: EXP", "fields are missing: exposure"),
        ("names: {1: A, 2: B}", "names: {}", "no detectors"),
        ("- {name: g, band: g}", "- {name: g}", "line 5: key 'band' is missing (in filters.0)"),
        ("filters:", "detectors:", "line 4: key 'detectors' is there twice"),
        ("exposure: EXP", "exposure: [", "cam.yaml, line 9 is not valid YAML: expected ',' or ']'"),
        ("exposure: EXP", "exposure: \x07", "cam.yaml is not valid YAML: unacceptable character"),
        (
            "names: {1: A, 2: B}",
            "names: {one: A}",
            "line 3: the number of detector 'A' is not a whole number",
        ),
        (
            "names: {1: A, 2: B}",
            "range: {first: 0, last: 99999999999}",
            "line 3: 100000000000 detectors are too many",
        ),
        ("names: {1: A, 2: B}", "range: {first: 0, last: 1, name: '{nr}'}", "only field of '{nr}' is {id}"),
        ("exposure: EXP", "exposure: &e [*e]", "cam.yaml refers to itself with an alias"),
    ],
)
def test_a_mistake_in_the_description_is_told_with_its_line(old, new, message):
    with pytest.raises(CameraDescriptionError, match=re.escape(message)):
        camera(text=MINIMAL.replace(old, new, 1))


def test_detectors_come_from_a_list_names_or_a_range():
    detectors = "detectors:\n  list: [{id: 4, name: X, purpose: GUIDE}]\n  range: {first: 5, last: 6, name: 'R{id:02d}'}"
    found = camera(text=MINIMAL.replace("detectors:\n  names: {1: A, 2: B}", detectors)).detectors()
    assert [(d.id, d.full_name, d.purpose) for d in found] == [
        (4, "X", "GUIDE"), (5, "R05", "SCIENCE"), (6, "R06", "SCIENCE"),
    ]  # fmt: skip
