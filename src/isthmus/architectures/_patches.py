"""A row cut into patches of equal size, each a row of a matrix, and put together again.

```
            cut                          (after a network)            joined
(*sizes, *rest) -> (n_patches, values of a patch)  ...  (n_patches, values of a patch) -> (*sizes, *rest)
```
Axes that the patch does not divide are continued by zeros at their ends; what a network puts there is dropped.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax.numpy as jnp

from isthmus._types import Shape

__all__ = ["Patches"]


class Patches(NamedTuple):
    """How rows of `shape` are cut: by `sizes` along their leading axes, whole along the others."""

    shape: Shape
    sizes: Shape

    @property
    def counts(self) -> Shape:
        """How many patches there are along each leading axis."""
        return tuple(-(-extent // size) for extent, size in zip(self.shape, self.sizes, strict=False))

    @property
    def n_patches(self) -> int:
        """How many there are."""
        return math.prod(self.counts)

    @property
    def n_values(self) -> int:
        """How many values one has."""
        return math.prod(self.sizes) * self._n_rest

    def cut(self, x: Any) -> Any:
        """The patches of one row: (n_patches, n_values)."""
        n_axes = len(self.sizes)
        whole = jnp.pad(jnp.reshape(x, (*self.shape[:n_axes], self._n_rest)), [*self._margins, (0, 0)])
        split = jnp.reshape(whole, (*itertools.chain(*zip(self.counts, self.sizes, strict=True)), self._n_rest))
        numbers, insides = range(0, 2 * n_axes, 2), range(1, 2 * n_axes, 2)
        return jnp.reshape(jnp.transpose(split, (*numbers, *insides, 2 * n_axes)), (self.n_patches, self.n_values))

    def joined(self, patches: Any) -> Any:
        """The row whose patches these are: the inverse of `cut`."""
        n_axes = len(self.sizes)
        split = jnp.reshape(patches, (*self.counts, *self.sizes, self._n_rest))
        order = itertools.chain(*((axis, n_axes + axis) for axis in range(n_axes)))
        whole = jnp.transpose(split, (*order, 2 * n_axes))
        extents = (count * size for count, size in zip(self.counts, self.sizes, strict=True))
        whole = jnp.reshape(whole, (*extents, self._n_rest))
        return jnp.reshape(whole[tuple(slice(extent) for extent in self.shape[:n_axes])], self.shape)

    @property
    def _n_rest(self) -> int:
        return math.prod(self.shape[len(self.sizes) :])

    @property
    def _margins(self) -> list[tuple[int, int]]:
        """Zeros before and after each leading axis."""
        return [(0, count * size - extent) for extent, count, size in zip(self.shape, self.counts, self.sizes, strict=False)]
