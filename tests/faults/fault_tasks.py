"""Tasks on small dictionaries: two for rows of them, the first of which does what each detector is told to."""

import ctypes
import os
import sys
import time
from pathlib import Path

from lsst.pex.config import DictField, Field

from pipetask import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, Struct, connectionTypes

DIMENSIONS = ("instrument", "detector")


def dict_connection(kind, name):
    return kind(doc=name, name=name, storageClass="StructuredDataDict", dimensions=DIMENSIONS)


class SquareConnections(PipelineTaskConnections, dimensions=DIMENSIONS):
    number = dict_connection(connectionTypes.Input, "number")
    square = dict_connection(connectionTypes.Output, "square")


class SquareConfig(PipelineTaskConfig, pipelineConnections=SquareConnections):
    sleep_s = Field(dtype=float, default=0.0, doc="How long to sleep.")
    wait_while = Field(dtype=str, default="", doc="Detector 1 waits while this file is there.")
    broken_while = Field(dtype=str, default="", doc="Detector 1 fails while this file is there.")
    misdeeds = DictField(keytype=int, itemtype=str, default={}, doc="What happens on a detector.")


class SquareTask(PipelineTask):
    ConfigClass = SquareConfig
    _DefaultName = "square"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        time.sleep(self.config.sleep_s)
        number = butlerQC.get(inputRefs.number)["n"]
        butlerQC.put(Struct(square={"n": number**2}), outputRefs)
        detector = inputRefs.number.dataId["detector"]
        while detector == 1 and self.config.wait_while and Path(self.config.wait_while).exists():
            time.sleep(0.02)
        if detector == 1 and self.config.broken_while and Path(self.config.broken_while).exists():
            raise OSError("no such star")
        misdeed = self.config.misdeeds.get(detector, "")
        if misdeed:
            globals()[f"misdeed_{misdeed}"]()


def misdeed_segfault():
    ctypes.string_at(0)


def misdeed_exit():
    os._exit(3)


def misdeed_hang():
    time.sleep(60)


def misdeed_print():
    for stream in (sys.stdout, sys.stderr):
        os.write(stream.fileno(), b"A task speaks. " * 10_000)
    print("And speaks. " * 10_000)  # noqa: T201 - the point of it


def misdeed_fork():
    if os.fork() == 0:
        return  # the child goes on as if it were the worker


def misdeed_leak():
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**27, resource.RLIM_INFINITY))
    try:
        leak = []
        while True:
            leak.append(bytearray(2**24))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class RootConnections(PipelineTaskConnections, dimensions=DIMENSIONS):
    square = dict_connection(connectionTypes.Input, "square")
    root = dict_connection(connectionTypes.Output, "root")


class RootConfig(PipelineTaskConfig, pipelineConnections=RootConnections):
    sleep_s = Field(dtype=float, default=0.0, doc="How long to sleep.")


class RootTask(PipelineTask):
    ConfigClass = RootConfig
    _DefaultName = "root"

    def run(self, square):
        time.sleep(self.config.sleep_s)
        return Struct(root={"n": square["n"] ** 0.5})
