"""Every kind of collection obeys the contract."""

import pytest

from registry.collections.facade import KINDS
from registry.testing import CollectionSuite


class Suite(CollectionSuite):
    __test__ = False

    @pytest.fixture
    def registry(self, two_run_registry):
        return two_run_registry

    @pytest.fixture
    def refs(self, registry):
        return registry.query_datasets("bias", "first")


class TestRun(Suite):
    __test__ = True
    kind = KINDS["RUN"]


class TestTagged(Suite):
    __test__ = True
    kind = KINDS["TAGGED"]


class TestChained(Suite):
    __test__ = True
    kind = KINDS["CHAINED"]


class TestCalibration(Suite):
    __test__ = True
    kind = KINDS["CALIBRATION"]
