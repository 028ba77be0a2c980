"""Provenance: what ran, what it read and what it made."""

from uuid import UUID

import pytest

from registry.dataset_ref import new_ids
from registry.provenance import QuantumRow


def quantum(n, **changes):
    row = QuantumRow(
        UUID(int=n), "second", "isr", "a.Isr", '{"visit": 3}', "ok", "host", 7, 10 * n, 10 * n + 5
    )
    return row._replace(**changes)


@pytest.fixture
def registry(two_run_registry):
    two_run_registry.insert_quanta([quantum(2), quantum(1)])
    return two_run_registry


def test_quanta_come_back_in_the_order_of_their_begin(registry):
    assert registry.quanta("second") == [quantum(1), quantum(2)]
    assert registry.quanta("first") == []


def test_a_quantum_that_runs_again_replaces_itself(registry):
    registry.insert_quanta([tuple(quantum(1, status="failed", exception="boom", attempts=2))])
    assert [q.status for q in registry.quanta("second")] == ["failed", "ok"]


def test_inputs_and_products_can_be_followed_both_ways(registry):
    [read, _] = registry.query_datasets("bias", "first")
    [made, _] = registry.query_datasets("bias", "second")
    link = (UUID(int=1), read.id, "bias")
    assert registry.insert_quantum_inputs([link, (link[0].bytes, link[1].bytes, "bias")]) == 1
    registry.provenance.set_producers([(made.id, UUID(int=1))])
    assert registry.provenance.inputs([UUID(int=1), UUID(int=2)]) == [link]
    assert registry.provenance.consumers([read.id]) == [link]
    assert registry.provenance.producers([made.id, read.id]) == {made.id: UUID(int=1)}
    assert registry.provenance.products([UUID(int=1)]) == [(UUID(int=1), made.id)]


def test_producers_may_be_given_with_the_datasets(registry):
    ids = registry.insert_datasets(
        "bias", "second", {"instrument": ["Cam"], "detector": [2]}, ids=new_ids(1), quantum_ids=[UUID(int=2)]
    )
    assert registry.provenance.products([UUID(int=2)]) == [(UUID(int=2), UUID(bytes=ids.tobytes()))]


def test_attributes_are_kept(registry):
    assert registry.get_attribute("colour") is None
    for value in ("red", "blue"):
        registry.set_attribute("colour", value)
        assert registry.get_attribute("colour") == value
