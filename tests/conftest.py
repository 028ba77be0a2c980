"""Where the real camera images are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def camera_images():
    """Folder of the real images ($PIPETASK_TEST_DATA, else shared/data beside the project), or None."""
    folder = Path(os.environ.get("PIPETASK_TEST_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None
