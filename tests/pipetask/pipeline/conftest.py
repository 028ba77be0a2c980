"""Sample tasks under the importable name ``sample_tasks``, and a folder of pipeline files."""

import importlib.util
import sys
from pathlib import Path

import pytest

from pipetask.pipeline.pipeline import Pipeline


@pytest.fixture(scope="session", autouse=True)
def sample_tasks():
    """The module of sample tasks, importable by name as pipelines need it."""
    spec = importlib.util.spec_from_file_location("sample_tasks", Path(__file__).with_name("sample_tasks.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["sample_tasks"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["sample_tasks"]


@pytest.fixture
def write(tmp_path):
    """Write a pipeline file: ``write("a.yaml", text) -> Path``."""

    def write_file(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write_file


@pytest.fixture
def pipeline():
    """Three tasks in a row: isr, calibrate, focalPlane."""
    return Pipeline.from_string("""
        description: three in a row
        tasks:
          focalPlane: sample_tasks.FocalPlaneTask
          isr: sample_tasks.IsrTask
          calibrate: sample_tasks.CalibrateTask
        subsets:
          detector: {subset: [isr, calibrate], description: what is done per detector}
          visit: [focalPlane]
        steps:
          - {label: detector, dimensions: [visit, detector]}
          - {label: visit, dimensions: visit}
        contracts:
          - isr.connections.postIsr == calibrate.connections.exposure
          - contract: focalPlane.wide == False
            msg: there are catalogs of detectors only
        """)


@pytest.fixture
def copies():
    """Maker of pipelines of copying tasks: ``copies(one="a b", two="b c")`` reads a, writes b, ..."""

    def make(**tasks):
        lines = ["description: copies", "tasks:"]
        for label, text in tasks.items():
            source, target, *extra = text.split()
            lines += [f"  {label}:", "    class: sample_tasks.CopyTask", "    config:"]
            lines += [f"      connections.source: {source}", f"      connections.target: {target}"]
            lines += [f"      {item.replace('=', ': ')}" for item in extra]
        return Pipeline.from_string("\n".join(lines))

    return make
