"""What importing the core types costs: no heavy library."""

import subprocess
import sys

HEAVY = ("astropy", "sqlalchemy", "pyarrow", "lsst", "scipy", "lark", "yaml")


def test_core_types_import_no_heavy_library():
    code = (
        "import sys, registry.dimensions, registry.dataset_ref, registry.dataset_type, registry.timespan, registry.errors\n"
        "from registry.dimensions import DataCoordinate, DimensionRecord\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
