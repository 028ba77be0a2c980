"""Conformance suites for formatters, storage classes and stores: subclass one and say what to test."""

from __future__ import annotations

import pickle
import threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
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
    LocationError,
    ParameterError,
    StorageTypeError,
    UnknownComponentError,
)
from datastore.formatters.base import Formatter, find_formatter, take_component
from datastore.locations import Source
from datastore.records import ArtifactHint
from datastore.storage_class import StorageClass, StorageClasses
from datastore.stores.base import Store


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


class StoreSuite(ABC):
    """What every store keeps.

    A subclass makes the store, and looks into it and changes it by other means (``peek``, ``plant``), so that
    it can't vouch for itself.
    """

    @abstractmethod
    def make_store(self, folder: Path) -> Store:
        """Return an empty store."""

    @abstractmethod
    def peek(self, store: Store, path: str) -> bytes | None:
        """Return the content of an artifact, `None` if there is none, around the store."""

    @abstractmethod
    def plant(self, store: Store, path: str, data: bytes) -> None:
        """Bring an artifact into being around the store."""

    def test_what_is_put_lies_there_and_is_read(self, tmp_path: Path) -> None:
        """Bytes come back, whole, in slices and from streams."""
        store = self.make_store(tmp_path)
        data = bytes(range(256)) * 400
        store.put("u/a b/x.bin", memoryview(data))
        assert self.peek(store, "u/a b/x.bin") == data
        assert store.size("u/a b/x.bin") == len(data)
        assert store.source("u/a b/x.bin").read_bytes() == data
        assert store.source("u/a b/x.bin", offset=300, size=5).read_bytes() == data[300:305]
        with store.source("u/a b/x.bin").open() as stream:
            stream.seek(-10, 2)
            assert stream.read() == data[-10:]
            assert stream.seek(50_000) == 50_000
            assert stream.read(3) == data[50_000:50_003]

    def test_empty_artifact_is_one(self, tmp_path: Path) -> None:
        """Nothing is something."""
        store = self.make_store(tmp_path)
        store.put("empty", b"")
        assert store.size("empty") == 0
        assert store.source("empty").read_bytes() == b""

    def test_what_others_put_is_seen(self, tmp_path: Path) -> None:
        """A store remembers nothing of what lies in it."""
        store = self.make_store(tmp_path)
        assert store.size("run/x") is None
        self.plant(store, "run/x", b"12")
        assert store.size("run/x") == 2
        self.plant(store, "run/y", b"345")
        assert sorted((file.path, file.size) for file in store.files("run")) == [("run/x", 2), ("run/y", 3)]

    def test_second_put_is_refused_unless_it_may_clobber(self, tmp_path: Path) -> None:
        """The first of two stays."""
        store = self.make_store(tmp_path)
        store.put("run/x", b"first")
        with pytest.raises(ArtifactExistsError, match="run/x"):
            store.put("run/x", b"second")
        assert self.peek(store, "run/x") == b"first"
        store.put("run/x", b"third", clobber=True)
        assert self.peek(store, "run/x") == b"third"

    def test_one_of_many_writers_wins(self, tmp_path: Path) -> None:
        """Writers at the same time: one content, whole, and an error for each of the others."""
        store = self.make_store(tmp_path)
        contents = [bytes([number]) * 200_000 for number in range(8)]
        barrier = threading.Barrier(len(contents))

        def write(content: bytes) -> bool:
            barrier.wait()
            try:
                store.put("run/x", content)
            except ArtifactExistsError:
                return False
            return True

        with ThreadPoolExecutor(len(contents)) as pool:
            won = list(pool.map(write, contents))
        assert won.count(True) == 1
        assert self.peek(store, "run/x") == contents[won.index(True)]
        assert [file.path for file in store.files()] == ["run/x"]

    def test_staged_bytes_are_seen_when_they_are_placed(self, tmp_path: Path) -> None:
        """Until then nobody reads them; a name that is taken stays; what is discarded leaves nothing."""
        store = self.make_store(tmp_path)
        self.plant(store, "run/x", b"before")
        one, two = store.stage("run/x", b"one"), store.stage("run/y/z", b"two")
        assert (self.peek(store, "run/x"), self.peek(store, "run/y/z")) == (b"before", None)
        with pytest.raises(ArtifactExistsError):
            store.place(one, "run/x")
        store.place(one, "run/x-1")
        store.discard(one)
        store.discard(two)
        store.discard(two)
        assert (self.peek(store, "run/x"), self.peek(store, "run/x-1")) == (b"before", b"one")
        assert sorted(file.path for file in store.files()) == ["run/x", "run/x-1"]
        with pytest.raises(LocationError):
            store.stage("../x", b"")

    def test_files_are_taken_by_copy_and_move(self, tmp_path: Path) -> None:
        """A copied file stays, a moved one goes; a taken name is refused."""
        store = self.make_store(tmp_path)
        for transfer in ("copy", "move", "auto"):
            local = tmp_path / f"{transfer}.bin"
            local.write_bytes(transfer.encode())
            store.take(str(local), f"run/{transfer}", transfer)
            assert self.peek(store, f"run/{transfer}") == transfer.encode()
            assert local.exists() == (transfer != "move")
        with pytest.raises(ArtifactExistsError):
            store.take(str(tmp_path / "copy.bin"), "run/move", "copy")
        with pytest.raises(LocationError, match="teleport"):
            store.take(str(tmp_path / "copy.bin"), "run/new", "teleport")  # type: ignore[arg-type]

    def test_deleted_and_missing_artifacts(self, tmp_path: Path) -> None:
        """What is gone is told by name, and may be deleted again."""
        store = self.make_store(tmp_path)
        store.put("run/x", b"1")
        store.delete("run/x")
        store.delete("run/x")
        assert self.peek(store, "run/x") is None
        assert store.size("run/x") is None
        with pytest.raises(ArtifactMissingError, match="run/x"):
            store.source("run/x").read_bytes()
        with pytest.raises(ArtifactMissingError, match="run/x"), store.source("run/x").open() as stream:
            stream.read()

    def test_truncated_artifact_is_told(self, tmp_path: Path) -> None:
        """Fewer bytes than recorded are an error."""
        store = self.make_store(tmp_path)
        self.plant(store, "run/x", b"123")
        with pytest.raises(ArtifactReadError, match="truncated"):
            store.source("run/x", size=4).read_bytes()
        with pytest.raises(ArtifactReadError, match="truncated"):
            store.source("run/x", offset=2, size=4).read_bytes()

    def test_moved_artifact_has_the_new_name_only(self, tmp_path: Path) -> None:
        """Moving renames."""
        store = self.make_store(tmp_path)
        store.put("run/x", b"1")
        store.move("run/x", ".lost/run/x")
        assert (self.peek(store, "run/x"), self.peek(store, ".lost/run/x")) == (None, b"1")

    def test_tree_is_deleted_except_what_is_kept(self, tmp_path: Path) -> None:
        """Folders beside it, of a longer name or to be kept, stay."""
        store = self.make_store(tmp_path)
        for path in ("u/run/a", "u/run/b/c", "u/run/later/d", "u/run2/e"):
            store.put(path, b"1")
        store.delete_tree("u/run", keep=["u/run/later"])
        assert sorted(file.path for file in store.files("u")) == ["u/run/later/d", "u/run2/e"]
        store.delete_tree("u/run")
        store.delete_tree("u/nothing")
        assert [file.path for file in store.files()] == ["u/run2/e"]

    def test_names_stay_below_the_root(self, tmp_path: Path) -> None:
        """No path leads out."""
        store = self.make_store(tmp_path)
        for path in ("../x", "a/../../x", "/etc/passwd"):
            for action in (store.size, store.delete, store.source, lambda each: store.put(each, b"")):
                with pytest.raises(LocationError):
                    action(path)

    def test_appended_datasets_are_read_one_by_one(self, tmp_path: Path) -> None:
        """Many small datasets of one writer."""
        store = self.make_store(tmp_path)
        appender = store.appender("run/.records/w")
        records = [appender.append(b"x" * n, formatter="f", storage_class="S") for n in (3, 1, 2)]
        appender.sync()
        appender.close()
        for record, n in zip(records, (3, 1, 2), strict=True):
            source = store.source(record.path, offset=record.offset, size=record.size)
            assert source.read_bytes() == b"x" * n
            assert record.store == store.name


class DatastoreSuite(ABC):
    """What a datastore keeps on every store; a subclass says how one is made and damaged."""

    hint: ClassVar[ArtifactHint] = ArtifactHint(
        "suite", "StructuredDataDict", {"instrument": "A B", "visit": 7}, "u/suite/1", UUID(int=1)
    )

    @abstractmethod
    def make_datastore(self, folder: Path) -> Datastore:
        """Return an empty datastore."""

    def test_written_dataset_exists_until_removed(self, tmp_path: Path) -> None:
        """Existence follows writing and removing."""
        store = self.make_datastore(tmp_path)
        records = store.write({"a": 1}, self.hint)
        assert store.exists(records)
        assert store.read(records, self.hint.storage_class) == {"a": 1}
        assert store.verify(records[0])
        store.remove(records)
        assert not store.exists(records)
        with pytest.raises(ArtifactMissingError):
            store.read(records, self.hint.storage_class)

    def test_batch_is_synced_and_readable(self, tmp_path: Path) -> None:
        """Durability by group."""
        store = self.make_datastore(tmp_path)
        records = store.write({"a": 1}, self.hint, sync=False)
        store.sync(records)
        assert store.read(records, self.hint.storage_class) == {"a": 1}

    def test_second_write_is_refused(self, tmp_path: Path) -> None:
        """Nothing is replaced unasked."""
        store = self.make_datastore(tmp_path)
        store.write({"a": 1}, self.hint)
        with pytest.raises(ArtifactExistsError):
            store.write({"a": 2}, self.hint)

    def test_damaged_file_is_told(self, tmp_path: Path) -> None:
        """A shortened file is an error of the store, not of the format's library."""
        store = self.make_datastore(tmp_path)
        (record,) = store.write({"a": 1}, self.hint)
        content = store.stores.source(record).read_bytes()
        store.stores[record.store].put(record.path, content[:-1], clobber=True)
        with pytest.raises(ArtifactReadError):
            store.read([record], self.hint.storage_class)
        assert not store.verify(record._replace(size=-1))
        assert store.size_of(record) == len(content) - 1

    def test_unknown_names_are_told(self, tmp_path: Path) -> None:
        """Components and parameters are checked."""
        store = self.make_datastore(tmp_path)
        records = store.write({"a": 1}, self.hint)
        with pytest.raises(UnknownComponentError):
            store.read(records, self.hint.storage_class, component="b")
        with pytest.raises(ParameterError):
            store.read(records, self.hint.storage_class, parameters={"c": 1})

    def test_store_crosses_process_borders(self, tmp_path: Path) -> None:
        """A pickled store reads what the first one wrote."""
        store = self.make_datastore(tmp_path)
        records = store.write({"a": 1}, self.hint)
        assert pickle.loads(pickle.dumps(store)).read(records, self.hint.storage_class) == {"a": 1}  # noqa: S301

    def test_artifacts_are_retrieved_as_files(self, tmp_path: Path) -> None:
        """A copy of an artifact, that is not the store's any more."""
        store = self.make_datastore(tmp_path)
        (record,) = store.write({"a": 1}, self.hint)
        target = tmp_path / "out" / "x.json"
        store.retrieve(record, str(target), transfer="copy")
        assert target.read_bytes() == b'{"a":1}'
        with pytest.raises(ArtifactExistsError):
            store.retrieve(record, str(target), transfer="copy")
        store.retrieve(record, str(target), transfer="copy", clobber=True)

    def test_appended_datasets_read_like_files(self, tmp_path: Path) -> None:
        """Slices of a shared file, or objects of one writer, are datasets."""
        store = self.make_datastore(tmp_path)
        data = [store.serialize({"a": i}, self.hint.storage_class) for i in range(3)]
        path = store.append_path(self.hint.run, "writer")
        with store.store_of(self.hint.dataset_type, self.hint.storage_class).appender(path) as appender:
            records = [
                appender.append(content, formatter=name, storage_class=self.hint.storage_class)
                for content, name in data
            ]
            appender.sync()
        assert [store.read([r], self.hint.storage_class) for r in records] == [{"a": i} for i in range(3)]
        store.remove(records[:1])
        assert store.exists(records[1:])
        store.remove_tree(self.hint.run)
        assert not any(store.exists([record]) for record in records)


def assert_error_pickles(error: DatastoreError) -> None:
    """Raise AssertionError if an error changes on its way between processes."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
