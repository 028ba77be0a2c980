"""Second names of dataset types: explicit, listed, removable, and never in the way of real names."""

import pytest

from registry.dataset_type import DatasetType
from registry.errors import (
    ConflictingDefinitionError,
    InvalidDatasetTypeError,
    MissingDatasetTypeError,
    OrphanedRecordError,
)


@pytest.fixture
def registry(two_run_registry):
    two_run_registry.set_dataset_type_alias("image", "calexp")
    return two_run_registry


def test_an_alias_is_understood_wherever_a_dataset_type_is_named(registry):
    assert registry.get_dataset_type("image").name == "calexp"
    assert registry.query_datasets("image", "first") == registry.query_datasets("calexp", "first")
    data_id = {"instrument": "Cam", "visit": 1, "detector": 0}
    assert registry.find_dataset("image", data_id, collections="first").datasetType.name == "calexp"
    assert [kind.name for kind in registry.query_dataset_types(["image", "b*"])] == ["calexp", "bias"]
    assert [kind.name for kind in registry.query_dataset_types("*")] == ["bias", "calexp"]


def test_aliases_are_listed_changed_and_removed(registry):
    registry.set_dataset_type_alias("dark_", "bias")
    assert registry.dataset_type_aliases() == {"dark_": "bias", "image": "calexp"}
    registry.set_dataset_type_alias("image", "bias")
    assert registry.get_dataset_type("image").name == "bias"
    registry.remove_dataset_type_alias("image")
    with pytest.raises(MissingDatasetTypeError):
        registry.get_dataset_type("image")
    with pytest.raises(MissingDatasetTypeError, match="did you mean 'dark_'"):
        registry.remove_dataset_type_alias("dark")


def test_an_alias_of_an_alias_is_one_of_the_dataset_type(registry):
    registry.set_dataset_type_alias("picture", "image")
    assert registry.dataset_type_aliases()["picture"] == "calexp"


def test_real_names_and_aliases_stay_apart(registry):
    with pytest.raises(ConflictingDefinitionError, match="'bias' is a dataset type"):
        registry.set_dataset_type_alias("bias", "calexp")
    kind = DatasetType("image", ["instrument"], "X", universe=registry.universe)
    with pytest.raises(ConflictingDefinitionError, match="'image' is an alias of dataset type 'calexp'"):
        registry.register_dataset_type(kind)
    with pytest.raises(MissingDatasetTypeError, match="'nope'"):
        registry.set_dataset_type_alias("other", "nope")
    for name in ("a.b", "", "3x", "a" * 101):
        with pytest.raises(InvalidDatasetTypeError, match="cannot"):
            registry.set_dataset_type_alias(name, "bias")


def test_a_dataset_type_with_an_alias_is_not_removed(registry):
    for run in ("first", "second"):
        registry.remove_run(run)
    with pytest.raises(OrphanedRecordError, match="has the alias 'image'"):
        registry.remove_dataset_type("calexp")
    registry.remove_dataset_type_alias("image")
    registry.remove_dataset_type("calexp")
