"""Conformance suites for formatters, storage classes and stores: subclass one and say what to test."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest

from datastore.datastore import Datastore
from datastore.errors import (
    ArtifactExistsError,
    ArtifactMissingError,
    ArtifactReadError,
    DatastoreError,
    ParameterError,
    StorageTypeError,
    UnknownComponentError,
)
from datastore.formatters.base import Formatter, find_formatter, take_component
from datastore.locations import Source
from datastore.records import ArtifactHint
from datastore.storage_class import StorageClass, StorageClasses


class FormatterSuite(ABC):
    """What every formatter keeps.

    A subclass sets ``formatter`` (its name, or dotted class name) and ``storage_class``, and overrides
    ``objects`` and, where ``==`` does not say it, ``assert_equal``.
    """

    formatter: ClassVar[str]
    storage_class: ClassVar[str]
    storage_classes: ClassVar[StorageClasses] = StorageClasses()

    @abstractmethod
    def objects(self) -> list[Any]:
        """Return objects to write, the more unusual the better."""

    def assert_equal(self, read: Any, written: Any) -> None:
        """Raise AssertionError if what was read is not what was written."""
        assert read == written
        assert type(read) is type(written)

    def _read(self, path: Path, component: str = "", **parameters: Any) -> Any:
        found, storage_class = self._tested()
        source = Source(str(path), str(path))
        return found.read(source, storage_class, component=component, parameters=parameters)

    def _tested(self) -> tuple[Formatter, StorageClass]:
        return find_formatter(self.formatter), self.storage_classes.get(self.storage_class)

    def _write(self, folder: Path, obj: Any) -> Path:
        """Write around the store, so that it can't vouch for itself."""
        found, storage_class = self._tested()
        path = folder / f"file{found.extension}"
        path.write_bytes(found.to_bytes(obj, storage_class))
        return path

    def test_objects_come_back_as_they_were(self, tmp_path: Path) -> None:
        """What is written is what is read."""
        for obj in self.objects():
            self.assert_equal(self._read(self._write(tmp_path, obj)), obj)

    def test_writing_does_not_change_the_object(self, tmp_path: Path) -> None:
        """An object written twice gives the same bytes."""
        found, storage_class = self._tested()
        for obj in self.objects():
            first = bytes(found.to_bytes(obj, storage_class))
            assert bytes(found.to_bytes(obj, storage_class)) == first

    def test_components_read_alone_equal_those_of_the_whole(self, tmp_path: Path) -> None:
        """A component is the same whichever way it is read."""
        found, storage_class = self._tested()
        assert found.components <= set(storage_class.components)
        for obj in self.objects():
            path = self._write(tmp_path, obj)
            whole = self._read(path)
            for component in found.components:
                self.assert_component_equal(component, self._read(path, component), whole)

    def assert_component_equal(self, component: str, alone: Any, whole: Any) -> None:
        """Raise AssertionError if a component differs from that of the whole."""
        assert alone == take_component(whole, component)

    def test_extension_begins_with_a_dot(self) -> None:
        """File names are made by appending it."""
        assert self._tested()[0].extension.startswith(".")


class StorageClassSuite(ABC):
    """What every storage class keeps. A subclass sets ``name`` and overrides ``objects``."""

    name: ClassVar[str]
    storage_classes: ClassVar[StorageClasses] = StorageClasses()

    @abstractmethod
    def objects(self) -> list[Any]:
        """Return objects that the storage class takes, of any type that it converts."""

    def test_objects_become_the_python_type(self) -> None:
        """Conversion ends at the Python type, and an object of it stays itself or of it."""
        storage_class = self.storage_classes.get(self.name)
        for obj in self.objects():
            taken = storage_class.take(obj)
            assert isinstance(taken, storage_class.pytype)
            assert isinstance(storage_class.take(taken), storage_class.pytype)
            assert storage_class.takes(type(obj))

    def test_foreign_objects_are_refused(self) -> None:
        """Nothing is taken that could not be read back as what it is."""
        with pytest.raises(StorageTypeError):
            self.storage_classes.get(self.name).take(object())

    def test_components_have_storage_classes(self) -> None:
        """Each component can be asked for by its name."""
        for component in self.storage_classes.get(self.name).components:
            if component != "*":
                assert self.storage_classes.component_class(self.name, component)

    def test_its_formatter_is_there(self) -> None:
        """The formatter can be found by the name in the definition."""
        assert find_formatter(self.storage_classes.get(self.name).formatter)


class DatastoreSuite:
    """What every store keeps; a subclass may override ``make_store``."""

    hint: ClassVar[ArtifactHint] = ArtifactHint(
        "suite", "StructuredDataDict", {"instrument": "A B", "visit": 7}, "u/suite/1", UUID(int=1)
    )

    def make_store(self, folder: Path) -> Datastore:
        """Return an empty store."""
        return Datastore(folder / "root")

    def test_written_dataset_exists_until_removed(self, tmp_path: Path) -> None:
        """Existence follows writing and removing."""
        store = self.make_store(tmp_path)
        records = store.write({"a": 1}, self.hint)
        assert store.exists(records)
        assert store.read(records, self.hint.storage_class) == {"a": 1}
        store.remove(records)
        assert not store.exists(records)
        with pytest.raises(ArtifactMissingError):
            store.read(records, self.hint.storage_class)

    def test_second_write_is_refused(self, tmp_path: Path) -> None:
        """Nothing is replaced unasked."""
        store = self.make_store(tmp_path)
        store.write({"a": 1}, self.hint)
        with pytest.raises(ArtifactExistsError):
            store.write({"a": 2}, self.hint)

    def test_damaged_file_is_told(self, tmp_path: Path) -> None:
        """A shortened file is an error of the store, not of the format's library."""
        store = self.make_store(tmp_path)
        (record,) = store.write({"a": 1}, self.hint)
        path = Path(store.root) / record.path
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ArtifactReadError):
            store.read([record], self.hint.storage_class)
        assert not store.verify(record._replace(size=-1))

    def test_unknown_names_are_told(self, tmp_path: Path) -> None:
        """Components and parameters are checked."""
        store = self.make_store(tmp_path)
        records = store.write({"a": 1}, self.hint)
        with pytest.raises(UnknownComponentError):
            store.read(records, self.hint.storage_class, component="b")
        with pytest.raises(ParameterError):
            store.read(records, self.hint.storage_class, parameters={"c": 1})

    def test_store_crosses_process_borders(self, tmp_path: Path) -> None:
        """A pickled store reads what the first one wrote."""
        store = self.make_store(tmp_path)
        records = store.write({"a": 1}, self.hint)
        assert pickle.loads(pickle.dumps(store)).read(records, self.hint.storage_class) == {"a": 1}  # noqa: S301

    def test_appended_datasets_read_like_files(self, tmp_path: Path) -> None:
        """Slices of a shared file are datasets."""
        store = self.make_store(tmp_path)
        data = [store.serialize({"a": i}, self.hint.storage_class) for i in range(3)]
        with store.appender(store.append_path(self.hint.run, "writer")) as appender:
            records = [
                appender.append(content, formatter=name, storage_class=self.hint.storage_class)
                for content, name in data
            ]
            appender.sync()
        assert [store.read([r], self.hint.storage_class) for r in records] == [{"a": i} for i in range(3)]
        store.remove(records[:1])
        assert store.exists(records)
        store.remove_tree(self.hint.run)
        assert not store.exists(records)


def assert_error_pickles(error: DatastoreError) -> None:
    """Raise AssertionError if an error changes on its way between processes."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
