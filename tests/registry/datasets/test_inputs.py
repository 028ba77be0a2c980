"""What datasets name as their inputs: in order, by id or data ID, replaced as a whole, gone with the dataset."""

from uuid import UUID

import pytest

from registry.errors import DatasetNotFoundError

GONE = UUID(int=7)


@pytest.fixture
def named(two_run_registry):
    """The first bias names the second by id, one that is not here, and one by its data ID."""
    refs = two_run_registry.query_datasets("bias", "first", order_by=["detector"])
    rows = [{"id": str(refs[1].id), "weight": 0.5}, {"id": str(GONE)}, {"instrument": "Cam", "detector": 1}]
    two_run_registry.insert_named_inputs({refs[0].id: rows})
    return two_run_registry, refs, rows


def test_inputs_come_back_in_their_order_with_all_values(named):
    registry, refs, rows = named
    found = registry.named_inputs([ref.id for ref in refs[:2]])
    assert [each.values for each in found[refs[0].id]] == rows
    assert [each.id for each in found[refs[0].id]] == [refs[1].id, GONE, None]
    assert found[refs[1].id] == []


def test_what_names_a_dataset_by_its_id_is_found_from_it(named):
    registry, refs, _ = named
    assert registry.datasets_naming([refs[1].id, GONE]) == sorted(
        [(refs[0].id, refs[1].id), (refs[0].id, GONE)]
    )


def test_inputs_take_the_place_of_those_named_before(named):
    registry, refs, rows = named
    registry.insert_named_inputs({refs[0].id: rows[2:]})
    assert [each.values for each in registry.named_inputs([refs[0].id])[refs[0].id]] == rows[2:]


def test_inputs_are_gone_with_the_dataset_that_names_them(named):
    registry, refs, _ = named
    registry.remove_datasets([refs[0].id])
    assert registry.named_inputs([refs[0].id]) == {refs[0].id: []}
    assert registry.datasets_naming([refs[1].id]) == []


def test_an_input_may_be_removed_and_is_still_named(named):
    registry, refs, _ = named
    registry.remove_datasets([refs[1].id])
    assert registry.named_inputs([refs[0].id])[refs[0].id][0].id == refs[1].id


def test_inputs_of_a_dataset_that_is_not_here_are_refused(named):
    with pytest.raises(DatasetNotFoundError, match=f"{GONE}, which name inputs"):
        named[0].insert_named_inputs({GONE: [{"id": str(GONE)}]})
