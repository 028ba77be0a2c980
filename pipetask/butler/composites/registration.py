"""The composites that a repository knows: registering, listing and removing definitions."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipetask.butler.composites.definition import ANY_OBJECT, Composite, Part
from pipetask.butler.data_ids import dataset_type_of
from pipetask.errors import CompositeDefinitionError
from registry.dataset_type import DatasetType
from registry.dimensions.group import DimensionGroup
from registry.errors import ConflictingDefinitionError, MissingDatasetTypeError, UnknownDimensionError
from registry.suggest import suggest

if TYPE_CHECKING:
    from pipetask.butler.composites.definition_file import LocatedComposite
    from pipetask.butler.reading import ReadingButler

_PREFIX = "composite/"
_LONGEST = 100  # with the prefix, what the name of an attribute may hold
_parsed = lru_cache(maxsize=None)(Composite.from_json)


class Composites:
    """The definitions of a repository, by name of the dataset type.

    Parameters
    ----------
    butler : `ReadingButler`
        The repository.
    """

    def __init__(self, butler: ReadingButler) -> None:
        self._butler = butler

    def get(self, name: str) -> Composite | None:
        """Return the definition of a registered dataset type, or `None` if it is no composite."""
        text = self._butler.registry.get_attributes(_PREFIX).get(name)
        return None if text is None else _parsed(text)

    def all(self) -> dict[str, Composite]:
        """Return all definitions, sorted by name."""
        stored = self._butler.registry.get_attributes(_PREFIX)
        return {name: _parsed(text) for name, text in stored.items()}

    def register(self, composite: Composite) -> bool:
        """Make a composite known, with its dataset type; `False` if it is so already.

        Raises
        ------
        CompositeDefinitionError
            If it cannot work: its parts lack dimensions, its functions cannot be imported, ….
        ConflictingDefinitionError
            If there is another dataset type, or another definition, of that name.
        """
        registry = self._butler.registry
        name = composite.name
        if len(name) > _LONGEST:
            raise CompositeDefinitionError(f"{name!r} is too long: at most {_LONGEST} characters.")
        dataset_type = DatasetType(
            name, self._checked_dimensions(composite), composite.storage_class or ANY_OBJECT
        )
        self._check_names(composite)
        with registry.transaction():
            stored = registry.get_attribute(_PREFIX + name)
            if stored == composite.to_json():
                return False
            there = registry.query_dataset_types(name)
            if stored is not None or there:
                what = "a composite with another definition" if stored else "a dataset type, and no composite"
                raise ConflictingDefinitionError(
                    f"{name!r} is {what} already. Choose another name, or remove it first: "
                    f"butler remove-dataset-type {name}"
                )
            self._butler.datastore.storage_classes.get(dataset_type.storageClass)
            registry.register_dataset_type(dataset_type)
            registry.set_attribute(_PREFIX + name, composite.to_json())
        return True

    def register_file(self, path: str | Path) -> list[str]:
        """Register the composites of a definition file, all of them or none; return the names of new ones."""
        from pipetask.butler.composites.definition_file import located_definitions

        with self._butler.registry.transaction():
            return [
                each.composite.name
                for each in located_definitions(path, self.all())
                if self._register_located(each)
            ]

    def _register_located(self, located: LocatedComposite) -> bool:
        """Register a composite of a file; errors say the line."""
        from datastore.errors import DatastoreError

        try:
            return self.register(located.composite)
        except ConflictingDefinitionError as err:
            raise ConflictingDefinitionError(f"{located.place}: {err}") from err
        except CompositeDefinitionError as err:
            place = located.parts.get(err.part) or located.keys.get(err.key) or located.place
            raise CompositeDefinitionError(f"{place}: {err}") from err
        except (DatastoreError, UnknownDimensionError) as err:
            key = "storageClass" if isinstance(err, DatastoreError) else "dimensions"
            place = located.keys.get(key, located.place)
            raise CompositeDefinitionError(f"{place}: composite {located.composite.name!r}: {err}") from err

    def component_class(self, composite: Composite, component: str) -> str:
        """Return the name of the storage class of a component: of its part, of the whole, or of the base.

        Raises
        ------
        UnknownComponentError
            If neither has it.
        """
        from pipetask.butler.composites.components import component_class

        return component_class(composite, component, self._butler.datastore.storage_classes, self._part_class)

    def described_components(self, dataset_type: DatasetType) -> list[str]:
        """Return the components of a dataset type, each with its storage class or where it is from."""
        composite = self.get(dataset_type.name)
        if composite is not None:
            return [f"{part.name} from {part}" for part in composite.parts]
        components = self._butler.datastore.storage_classes.get(dataset_type.storageClass).components
        return [f"{name}: {storage_class}" for name, storage_class in components.items()]

    def _part_class(self, part: Part) -> str:
        return dataset_type_of(self._butler, part.dataset_type)[1].storageClass

    def remove(self, name: str) -> None:
        """Forget a dataset type, with its definition if it is a composite; the parts stay.

        Raises
        ------
        OrphanedRecordError
            If there are datasets of it.
        """
        with self._butler.registry.transaction():
            self._butler.registry.remove_dataset_type(name)
            self._butler.registry.remove_attribute(_PREFIX + name)

    def _checked_dimensions(self, composite: Composite) -> DimensionGroup:
        """Return the dimensions of a composite, checked against those of its parts that are registered."""
        universe = self._butler.dimensions
        types = {part.name: self._type_of(composite, part) for part in composite.parts}
        if composite.dimensions is not None:
            whole = universe.conform(composite.dimensions)
        else:
            names: set[str] = set()
            for part in composite.parts:
                if part.many:
                    continue
                if (found := types[part.name]) is None:
                    raise CompositeDefinitionError(
                        f"Composite {composite.name!r} has no dimensions, and its part {part.dataset_type!r} "
                        "is not registered yet: say 'dimensions'."
                    )
                names.update(set(found.dimensions.required).difference(part.data_id))
            whole = universe.conform(names)
        for part in composite.parts:
            if (found := types[part.name]) is not None and not part.many:
                lacking = [n for n in found.dimensions.required if n not in whole and n not in part.data_id]
                if lacking:
                    raise _of_part(
                        composite,
                        part,
                        f"is of dataset type {found.name!r}, whose data IDs have {', '.join(lacking)}: add "
                        "to the composite's dimensions, pin with 'dataId', or take all with 'subset'.",
                    )
        return whole

    def _type_of(self, composite: Composite, part: Part) -> DatasetType | None:
        """Return the dataset type of a part, `None` if it is not registered."""
        from datastore.errors import UnknownComponentError

        parent, _, component = part.dataset_type.partition(".")
        if parent == composite.name:
            raise _of_part(composite, part, "is the composite itself.")
        try:
            found = self._butler.registry.get_dataset_type(parent)
        except MissingDatasetTypeError:
            return None
        if component and self.get(parent) is None:
            try:
                self._butler.datastore.storage_classes.component_class(found.storageClass, component)
            except UnknownComponentError as err:
                raise _of_part(composite, part, f"is {part.dataset_type!r}: {err}") from err
        for name in part.data_id:
            if name not in self._butler.dimensions:
                near = suggest(name, [each.name for each in self._butler.dimensions.dimensions])
                raise _of_part(composite, part, f"pins {name!r}, which is no dimension{near}")
        return found

    def _check_names(self, composite: Composite) -> None:
        """Import what a definition names, so that mistakes are told now."""
        from datastore.errors import DatastoreError
        from datastore.storage_class import import_name

        base = composite.base_part
        if base is not None and base.many:
            raise _of_key(composite, "base", f"base {base.name!r} is a list.")
        for key in ("python", "assembler", "disassembler"):
            if not (name := getattr(composite, key)):
                continue
            try:
                found = import_name(name)
            except DatastoreError as err:
                raise _of_key(composite, key, str(err)) from err
            if not callable(found):
                raise _of_key(composite, key, f"{name!r} is neither class nor function.")
            if key == "python" and not isinstance(found, type):
                raise _of_key(composite, key, f"{name!r} is no class; a function is an 'assembler'.")


def _of_key(composite: Composite, key: str, fault: str) -> CompositeDefinitionError:
    error = CompositeDefinitionError(f"Composite {composite.name!r}: {fault}")
    error.key = key
    return error


def _of_part(composite: Composite, part: Part, fault: str) -> CompositeDefinitionError:
    error = CompositeDefinitionError(f"Part {part.name!r} of composite {composite.name!r} {fault}")
    error.part = part.name
    return error
