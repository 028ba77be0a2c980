"""The only door to the stores: the butler, and the values of registry and datastore that its callers use.

Everything is loaded at first use, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datastore.records import ArtifactHint as ArtifactHint
    from datastore.records import ArtifactRecord as ArtifactRecord
    from datastore.storage_class import StorageClass as StorageClass
    from datastore.storage_class import StorageClasses as StorageClasses
    from datastore.types.background import Background as Background
    from datastore.types.background import BackgroundMesh as BackgroundMesh
    from datastore.types.box import Box as Box
    from datastore.types.exposure import Exposure as Exposure
    from datastore.types.log_records import LogRecords as LogRecords
    from datastore.types.mask import Mask as Mask
    from datastore.types.packages import Packages as Packages
    from datastore.types.photo_calib import PhotoCalib as PhotoCalib
    from datastore.types.psf import Psf as Psf
    from datastore.types.task_metadata import TaskMetadata as TaskMetadata
    from datastore.types.visit_info import VisitInfo as VisitInfo
    from pipetask.butler.butler import Butler as Butler
    from pipetask.butler.collection_type import CollectionType as CollectionType
    from pipetask.butler.composites.components import component_class as component_class
    from pipetask.butler.composites.definition import ANY_OBJECT as ANY_OBJECT
    from pipetask.butler.composites.definition import Composite as Composite
    from pipetask.butler.composites.ref import CompositeRef as CompositeRef
    from pipetask.butler.defaults import add_to_defaults as add_to_defaults
    from pipetask.butler.defaults import input_collections as input_collections
    from pipetask.butler.handle import DeferredDatasetHandle as DeferredDatasetHandle
    from pipetask.butler.limited import LimitedButler as LimitedButler
    from pipetask.butler.limited import LimitedButlerConfig as LimitedButlerConfig
    from pipetask.butler.parts import part_of as part_of
    from pipetask.butler.repository import find_repository as find_repository
    from pipetask.butler.repository import is_repository as is_repository
    from pipetask.butler.transfer import FileDataset as FileDataset
    from registry.collections.base import CollectionInfo as CollectionInfo
    from registry.collections.names import check_name as check_name
    from registry.columns import Columns as Columns
    from registry.columns import from_rows as from_rows
    from registry.columns import n_rows as n_rows
    from registry.columns import rows as rows
    from registry.dataset_ref import DatasetId as DatasetId
    from registry.dataset_ref import DatasetRef as DatasetRef
    from registry.dataset_ref import new_id as new_id
    from registry.dataset_ref import new_ids as new_ids
    from registry.dataset_ref import raw_id as raw_id
    from registry.dataset_type import DatasetType as DatasetType
    from registry.datasets.find import CalibrationColumns as CalibrationColumns
    from registry.dimensions.coordinate import DataCoordinate as DataCoordinate
    from registry.dimensions.coordinate import DataId as DataId
    from registry.dimensions.coordinate import DataIdValue as DataIdValue
    from registry.dimensions.element import Column as Column
    from registry.dimensions.element import DimensionElement as DimensionElement
    from registry.dimensions.group import DimensionGroup as DimensionGroup
    from registry.dimensions.record import DimensionRecord as DimensionRecord
    from registry.dimensions.universe import DimensionUniverse as DimensionUniverse
    from registry.errors import ConflictingDefinitionError as ConflictingDefinitionError
    from registry.errors import DataIdError as DataIdError
    from registry.errors import DatasetNotFoundError as DatasetNotFoundError
    from registry.errors import InvalidQueryError as InvalidQueryError
    from registry.errors import MissingCollectionError as MissingCollectionError
    from registry.errors import MissingDatasetTypeError as MissingDatasetTypeError
    from registry.provenance import QuantumRow as QuantumRow
    from registry.query.on_data_id import holds as holds
    from registry.registry import Registry as Registry
    from registry.suggest import suggest as suggest
    from registry.timespan import Timespan as Timespan
    from registry.timespan import iso_tai as iso_tai
    from registry.timespan import iso_utc as iso_utc

_HOME = {
    "ANY_OBJECT": "pipetask.butler.composites.definition",
    "ArtifactHint": "datastore.records",
    "ArtifactRecord": "datastore.records",
    "Background": "datastore.types.background",
    "BackgroundMesh": "datastore.types.background",
    "Box": "datastore.types.box",
    "Butler": "pipetask.butler.butler",
    "CalibrationColumns": "registry.datasets.find",
    "CollectionInfo": "registry.collections.base",
    "CollectionType": "pipetask.butler.collection_type",
    "Column": "registry.dimensions.element",
    "Columns": "registry.columns",
    "Composite": "pipetask.butler.composites.definition",
    "CompositeRef": "pipetask.butler.composites.ref",
    "ConflictingDefinitionError": "registry.errors",
    "DataCoordinate": "registry.dimensions.coordinate",
    "DataIdError": "registry.errors",
    "DataId": "registry.dimensions.coordinate",
    "DataIdValue": "registry.dimensions.coordinate",
    "DatasetId": "registry.dataset_ref",
    "DatasetNotFoundError": "registry.errors",
    "DatasetRef": "registry.dataset_ref",
    "DatasetType": "registry.dataset_type",
    "DeferredDatasetHandle": "pipetask.butler.handle",
    "DimensionElement": "registry.dimensions.element",
    "DimensionGroup": "registry.dimensions.group",
    "DimensionRecord": "registry.dimensions.record",
    "DimensionUniverse": "registry.dimensions.universe",
    "Exposure": "datastore.types.exposure",
    "FileDataset": "pipetask.butler.transfer",
    "InvalidQueryError": "registry.errors",
    "LimitedButler": "pipetask.butler.limited",
    "LimitedButlerConfig": "pipetask.butler.limited",
    "LogRecords": "datastore.types.log_records",
    "Mask": "datastore.types.mask",
    "MissingCollectionError": "registry.errors",
    "MissingDatasetTypeError": "registry.errors",
    "Packages": "datastore.types.packages",
    "PhotoCalib": "datastore.types.photo_calib",
    "Psf": "datastore.types.psf",
    "QuantumRow": "registry.provenance",
    "Registry": "registry.registry",
    "StorageClass": "datastore.storage_class",
    "StorageClasses": "datastore.storage_class",
    "TaskMetadata": "datastore.types.task_metadata",
    "Timespan": "registry.timespan",
    "VisitInfo": "datastore.types.visit_info",
    "add_to_defaults": "pipetask.butler.defaults",
    "component_class": "pipetask.butler.composites.components",
    "find_repository": "pipetask.butler.repository",
    "from_rows": "registry.columns",
    "holds": "registry.query.on_data_id",
    "input_collections": "pipetask.butler.defaults",
    "iso_tai": "registry.timespan",
    "iso_utc": "registry.timespan",
    "is_repository": "pipetask.butler.repository",
    "n_rows": "registry.columns",
    "new_id": "registry.dataset_ref",
    "new_ids": "registry.dataset_ref",
    "part_of": "pipetask.butler.parts",
    "raw_id": "registry.dataset_ref",
    "rows": "registry.columns",
    "check_name": "registry.collections.names",
    "suggest": "registry.suggest",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  (the table above is the one list of names)


def __getattr__(name: str) -> Any:  # the names have many types
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
