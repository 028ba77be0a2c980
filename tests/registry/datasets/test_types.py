"""Dataset types are registered once, with one definition."""

import pytest

from registry.dataset_type import DatasetType
from registry.dimensions.universe import DimensionUniverse
from registry.errors import (
    ConflictingDefinitionError,
    InconsistentUniverseError,
    InvalidDatasetTypeError,
    MissingDatasetTypeError,
    OrphanedRecordError,
)
from registry.registry import Registry


def test_registering_again_changes_nothing(camera_registry, calexp):
    assert not camera_registry.register_dataset_type(calexp)
    assert camera_registry.get_dataset_type("calexp") == calexp


def test_another_definition_is_refused_with_both_shown(camera_registry, calexp):
    other = DatasetType("calexp", ["visit"], "ImageF", universe=camera_registry.universe)
    with pytest.raises(ConflictingDefinitionError, match=r"ExposureF.*ImageF"):
        camera_registry.register_dataset_type(other)


def test_definitions_survive_closing(tmp_path, calexp, bias):
    url = f"sqlite:///{tmp_path}/r.sqlite3"
    nothing = DatasetType("packages", [], "Packages", universe=calexp.dimensions.universe)
    with Registry.create(url) as registry:
        for dataset_type in (calexp, bias, nothing):
            assert registry.register_dataset_type(dataset_type)
    with Registry.open(url) as registry:
        assert registry.query_dataset_types() == [bias, calexp, nothing]
        assert registry.query_dataset_types("c*") == [calexp]
        assert registry.query_dataset_types(["p*", "bias"]) == [nothing, bias]


def test_types_of_other_connections_are_seen(tmp_path, calexp):
    url = f"sqlite:///{tmp_path}/r.sqlite3"
    with Registry.create(url) as one, Registry.open(url) as two:
        assert two.query_dataset_types() == []
        one.register_dataset_type(calexp)
        two.collections.register("run")
        assert two.get_dataset_type("calexp") == calexp
        assert two.query_datasets("calexp", "run") == []


def test_unknown_types_are_answered_with_the_nearest(camera_registry, calexp):
    with pytest.raises(MissingDatasetTypeError, match="did you mean 'calexp'"):
        camera_registry.get_dataset_type("calexpp")


def test_components_are_not_registered(camera_registry):
    with pytest.raises(InvalidDatasetTypeError, match="component"):
        camera_registry.register_dataset_type(
            DatasetType("calexp.wcs", ["visit"], "Wcs", universe=camera_registry.universe)
        )


def test_types_of_another_universe_are_refused(camera_registry):
    text = camera_registry.universe.to_yaml().replace("version: 8", "version: 9")
    other = DimensionUniverse.from_yaml(text)
    with pytest.raises(InconsistentUniverseError, match="another universe"):
        camera_registry.register_dataset_type(DatasetType("x", ["visit"], "X", universe=other))


def test_only_unused_types_are_removed(two_run_registry):
    with pytest.raises(OrphanedRecordError, match="has datasets"):
        two_run_registry.remove_dataset_type("bias")
    two_run_registry.remove_datasets(
        [ref.id for run in ("first", "second") for ref in two_run_registry.query_datasets("bias", run)]
    )
    two_run_registry.remove_dataset_type("bias")
    with pytest.raises(MissingDatasetTypeError):
        two_run_registry.get_dataset_type("bias")


def test_a_universe_of_ones_own_is_kept(tmp_path):
    text = Registry.create("sqlite://").universe.to_yaml().replace("namespace: daf_butler", "namespace: mine")
    url = f"sqlite:///{tmp_path}/r.sqlite3"
    Registry.create(url, universe=DimensionUniverse.from_yaml(text)).close()
    with Registry.open(url) as registry:
        assert registry.universe.namespace == "mine"
