"""What the components of a composite are: of its parts, of the whole, or of the base."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from datastore.errors import UnknownComponentError
from pipetask.butler.composites.definition import Composite, Part

if TYPE_CHECKING:
    from datastore.storage_class import StorageClasses


def component_class(
    composite: Composite, component: str, classes: StorageClasses, part_class: Callable[[Part], str]
) -> str:
    """Return the name of the storage class of a component: of its part, of the whole, or of the base.

    Parameters
    ----------
    composite : `Composite`
        The definition.
    component : `str`
        Name of the component.
    classes : `StorageClasses`
        What storage class names mean.
    part_class : callable
        Gives the name of the storage class of a part.

    Raises
    ------
    UnknownComponentError
        If none of them has it.
    """
    first, _, rest = component.partition(".")
    if (part := composite.part(component)) is not None:
        return part_class(part)
    if rest and (part := composite.part(first)) is not None:
        return classes.component_class(part_class(part), rest)
    if composite.storage_class and first in classes.get(composite.storage_class).components:
        return classes.component_class(composite.storage_class, component)
    if (base := composite.base_part) is not None:
        return classes.component_class(part_class(base), component)
    names = tuple(part.name for part in composite.parts)
    if composite.storage_class:
        names += tuple(classes.get(composite.storage_class).components)
    raise UnknownComponentError(composite.name, component, names)
