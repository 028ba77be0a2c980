"""What pages say can be done: commands and code run, links lead somewhere, YAML and Python are valid."""

import ast
import re
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FOLLOWED_ELSEWHERE = {"README.md", "first_session.md"}


def test_the_first_session_runs(first_session):
    assert (first_session / "repo" / "butler.yaml").is_file()


def test_the_session_of_the_readme_runs(reader, tmp_path):
    checkout = tmp_path / "checkout"
    for name in ("examples", "pipelines"):
        shutil.copytree(ROOT / name, checkout / name)
    _write_2mass_images(tmp_path / "shared" / "data" / "2mass-m17")
    reader(checkout).follow(ROOT / "README.md")
    assert (checkout / "m17" / "butler.yaml").is_file()


def _write_2mass_images(folder):
    """Stand-ins for real ones: stars, the header keywords of the survey's images, its file names."""
    from pipetask.simulate import star_image

    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    x, y = np.meshgrid([30.0, 75.0, 120.0], [35.0, 80.0, 125.0])
    for scan, image in ((142, 186), (143, 80)):
        pixels = star_image((160, 160), x.ravel(), y.ravel(), np.full(9, 3e3), 3.0)
        pixels += rng.normal(500.0, 2.0, pixels.shape)
        header = fits.Header(HEADER_2MASS | {"SCANNO": scan})
        name = f"2mass-atlas-990502s-j{scan:03d}{image:04d}.fits"
        fits.PrimaryHDU(pixels.astype(np.float32), header).writeto(folder / name)


HEADER_2MASS = {
    "ORIGIN": "2MASS",
    "FILTER": "j",
    "TYPE": "sci",
    "STRIP_ID": 1,
    "ZD_SOS": 48.0,
    "UT_DATE": "990502",
    "UT": "07:56:03.42",
    "ORDATE": "990502",
    "SCANDIR": "s",
    "MAGZP": 20.8,
    "SEESH": 1.0,
    "CTYPE1": "RA---SIN",
    "CTYPE2": "DEC--SIN",
    "CRVAL1": 275.1,
    "CRVAL2": -16.0,
    "EQUINOX": 2000.0,
    "CRPIX1": 80.0,
    "CRPIX2": 80.0,
    "CDELT1": -1 / 3600,
    "CDELT2": 1 / 3600,
}


def test_what_a_page_says_can_be_done(page, reader, after_first_session):
    if page.name in FOLLOWED_ELSEWHERE:
        pytest.skip("has a test of its own")
    reader(after_first_session / "repo").follow(page)


def test_the_commands_of_the_page_on_postgresql_run(
    reader, after_first_session, postgresql_server, code_blocks
):
    """Its repositories are in `/data`, its database is on a server that does not exist."""
    (after_first_session / "repo").rename(after_first_session / "old")
    schema = postgresql_server.new_schema()
    names = {
        "postgresql+psycopg://me@db.example.org/survey": f"'{postgresql_server.url}'",
        "--schema survey": f"--schema {schema.rpartition('=')[2]}",
        "/data/": f"{after_first_session}/",
    }
    followed = reader(after_first_session)
    for block in code_blocks(ROOT / "docs" / "postgresql_and_migrations.md"):
        if not block.text.startswith("butler "):
            continue
        text = block.text
        for name, real in names.items():
            text = text.replace(name, real)
        if "butler create" in text:
            postgresql_server.drop(schema)  # each example begins anew
        followed.commands(replace(block, text=text))
    postgresql_server.drop(schema)


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


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_pipelines_load(path):
    from pipetask import Pipeline

    assert Pipeline.from_file(path).to_graph().tasks


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "cameras").glob("*.yaml")), ids=lambda p: p.name)
def test_example_cameras_are_understood(path):
    from pipetask.observation.camera_description import CameraDescription

    assert CameraDescription(path.read_text("utf-8"), str(path)).detectors()


def test_every_benchmark_is_listed_with_its_command():
    listed = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    scripts = [p for p in (ROOT / "benchmarks").glob("[a-z]*.py") if "__main__" in p.read_text("utf-8")]
    missing = [p.name for p in scripts if f"python benchmarks/{p.name}" not in listed]
    assert all(name.endswith("_peer.py") for name in missing), missing


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages - set(LINK.findall(index)) == {"index.md"}


def test_tests_that_pages_name_exist(page):
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text("utf-8")):
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), f"{path}::{name}"
