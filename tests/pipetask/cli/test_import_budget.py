"""Starting a command doesn't pay for libraries that it doesn't use."""

import subprocess
import sys

import pytest

HEAVY = {
    "astropy",
    "pyarrow",
    "sqlalchemy",
    "networkx",
    "numpy",
    "scipy",
    "lsst",
    "photutils",
    "yaml",
    "rich",
}


def modules_loaded_by(group, arguments, before=""):
    """Return the top-level modules that a process has loaded after a command."""
    code = (
        f"{before}import sys, atexit; from pipetask.cli.main import {group};"
        "atexit.register(lambda: print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules})));"
        f"{group}({arguments!r}, standalone_mode=False)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "arguments", [["pipetask", "--help"], ["butler", "--help"], ["pipetask", "run", "--help"]]
)
def test_help_imports_no_heavy_library(arguments):
    group, *rest = arguments
    loaded = modules_loaded_by(group, rest)
    assert "click" in loaded
    assert loaded & HEAVY == set()


@pytest.fixture(scope="module")
def small_repo(tmp_path_factory):
    """A repository with a visit, opened by nobody."""
    from pipetask.butler import Butler, DatasetType

    root = tmp_path_factory.mktemp("budget") / "repo"
    with Butler.makeRepo(root) as butler:
        insert = butler.registry.insert_dimension_records
        insert("instrument", [{"name": "Cam", "visit_max": 9}])
        insert("physical_filter", [{"instrument": "Cam", "name": "r1", "band": "r"}])
        insert("day_obs", [{"instrument": "Cam", "id": 20260101}])
        insert(
            "visit",
            [{"instrument": "Cam", "id": 1, "name": "v1", "physical_filter": "r1", "day_obs": 20260101}],
        )
        butler.registry.register_dataset_type(
            DatasetType("cat", ["visit"], "StructuredDataDict", universe=butler.dimensions)
        )
        butler.registry.collections.register("run")
        butler.put({}, "cat", instrument="Cam", visit=1, run="run")
    return root


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["query-collections"], {"sqlalchemy", "yaml"}),
        (["query-dataset-types"], {"sqlalchemy", "yaml"}),
        (["query-datasets", "cat", "--where", "instrument='Cam' AND visit=1"], {"sqlalchemy", "yaml"}),
        (["query-data-ids", "visit", "--where", "band='r'"], {"sqlalchemy", "yaml"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_query_imports_what_it_needs_and_no_more(small_repo, arguments, needed):
    name, *rest = arguments
    loaded = modules_loaded_by("butler", [name, str(small_repo), *rest])
    assert loaded & (HEAVY | {"lark", "psycopg", "alembic"}) == needed


def test_times_are_read_by_astropy_only_where_there_are_any(small_repo):
    where = "visit.timespan.begin < T'2026-01-01'"
    assert "astropy" in modules_loaded_by(
        "butler", ["query-data-ids", str(small_repo), "visit", "--where", where]
    )


def test_a_pipeline_is_built_without_the_libraries_of_data_and_drawings(tmp_path):
    (tmp_path / "quick_task.py").write_text(
        "import pipetask as pt\n"
        "class C(pt.PipelineTaskConnections, dimensions=('visit',)):\n"
        "    a = pt.connectionTypes.Input('a', 'StructuredDataDict', dimensions=('visit',))\n"
        "class F(pt.PipelineTaskConfig, pipelineConnections=C):\n    pass\n"
        "class T(pt.PipelineTask):\n    ConfigClass = F\n    def run(self, a):\n        pass\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    loaded = modules_loaded_by("pipetask", ["build", "-t", "quick_task.T"], before=code)
    assert loaded & (HEAVY - {"lsst", "numpy", "yaml"}) == set()  # lsst.pex.config needs these
