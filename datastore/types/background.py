"""Background: what was subtracted from an image, as a sum of low-resolution meshes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.errors import InvalidValueError


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundMesh:
    """Values at the centres of boxes that tile the image from its first pixel.

    Parameters
    ----------
    values : `numpy.ndarray`, shape (my, mx)
        Finite values of the boxes. One value is a constant.
    box_size : `tuple` of two `int`
        Height and width of a box [pixel]; the last boxes may pass the edge of the image.
    order : `int`
        Of the spline between box centres: 0 (steps), 1 (linear) to 5; 3 is photutils' default.
    """

    values: npt.NDArray[np.float64]
    box_size: tuple[int, int]
    order: int = 3

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64, ndmin=2)
        if not np.isfinite(values).all():
            raise InvalidValueError("A background mesh holds a value that is not finite")
        if not 0 <= self.order <= 5 or min(self.box_size) < 1:
            raise InvalidValueError(f"Background mesh of order {self.order} and box size {self.box_size}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "box_size", (int(self.box_size[0]), int(self.box_size[1])))

    def image(self, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Interpolate to an array of this shape, within the range of the values."""
        if self.values.size == 1:
            return np.full(shape, self.values[0, 0])
        from scipy.ndimage import zoom

        full = zoom(self.values, self.box_size, order=self.order, mode="reflect", grid_mode=True)
        if full.shape[0] < shape[0] or full.shape[1] < shape[1]:
            raise InvalidValueError(
                f"A background mesh of {self.values.shape} boxes of {self.box_size} pixels "
                f"does not cover an image of shape {shape}"
            )
        return np.clip(full[: shape[0], : shape[1]], self.values.min(), self.values.max())


class Background:
    """A sum of meshes on one image; empty means zero."""

    __slots__ = ("meshes", "shape")

    def __init__(self, shape: tuple[int, ...], meshes: tuple[BackgroundMesh, ...] = ()) -> None:
        self.shape = (int(shape[0]), int(shape[1]))
        self.meshes = tuple(meshes)

    @classmethod
    def constant(cls, value: float, shape: tuple[int, ...]) -> Background:
        """Return a background that is the same everywhere."""
        return cls(shape, (BackgroundMesh(np.array([[value]]), (int(shape[0]), int(shape[1])), 0),))

    def image(self) -> npt.NDArray[np.float64]:
        """Return the full-size sum of all meshes, a new array of shape (ny, nx)."""
        total = np.zeros(self.shape)
        for mesh in self.meshes:
            total += mesh.image(self.shape)
        return total

    def __add__(self, other: Background) -> Background:
        if self.shape != other.shape:
            raise InvalidValueError(f"Backgrounds of shapes {self.shape} and {other.shape} can't be added")
        return Background(self.shape, self.meshes + other.meshes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Background):
            return NotImplemented
        return self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        return f"Background({self.shape}, {len(self.meshes)} meshes)"

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "shape": list(self.shape),
            "meshes": [
                {"values": m.values.tolist(), "box_size": list(m.box_size), "order": m.order}
                for m in self.meshes
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Background:
        """Rebuild from `to_json`, without a change in any bit."""
        meshes = tuple(
            BackgroundMesh(np.array(m["values"]), tuple(m["box_size"]), m["order"]) for m in value["meshes"]
        )
        return cls(tuple(value["shape"]), meshes)
