from typing import Any

import jax
import numpy as np

from isthmus._types import Data, Mask, Outputs, PerRow, Shape, Tree

from ._base import AbstractLoss


class InUserUnit(AbstractLoss):
    """A loss of rows as they came, applied to rows that were scaled: counts stay counts for a likelihood of counts.

    `loss(outputs, scale * x + offset)`.

    Attributes:
        loss: what a reconstruction costs in the user's unit.
        offset: what the scaling took off; an array, one number a feature.
        scale: what it divided by.

    Example:
        >>> import jax.numpy as jnp
        >>> from isthmus.losses import SquaredError
        >>> scaled = in_user_unit(SquaredError(), np.ones(2), np.full(2, 10.0))
        >>> float(scaled((), jnp.full((1, 2), 21.0), jnp.full((1, 2), 2.0))[0])
        0.0
    """

    loss: AbstractLoss
    offset: float = 0.0
    scale: float = 1.0

    @property
    def link(self) -> str:
        return self.loss.link

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        return self.loss.init(shape, rng=rng)

    def init_state(self, shape: Shape) -> Tree:
        return self.loss.init_state(shape)

    def next_state(self, weights: Tree, state: Tree, outputs: Any, x: Data, mask: Mask) -> Tree:
        return self.loss.next_state(weights, state, outputs, x * self.scale + self.offset, mask)

    def at_state(self, weights: Tree, state: Tree) -> Tree:
        return self.loss.at_state(weights, state)

    def output_shape(self, shape: Shape) -> Shape:
        return self.loss.output_shape(shape)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        return self.loss(weights, outputs, x * self.scale + self.offset)

    def mean(self, outputs: Outputs) -> Data:
        return (self.loss.mean(outputs) - self.offset) / self.scale

    def start(self, mean: np.ndarray) -> np.ndarray:
        return self.loss.start(mean * self.scale + self.offset)


def in_user_unit(loss: AbstractLoss, offset: Any, scale: Any) -> InUserUnit:
    """The loss for rows `(x - offset) / scale`; both are arrays of the shape of one row."""
    leaves, structure = jax.tree.flatten(InUserUnit(loss))
    return jax.tree.unflatten(structure, [*leaves[:-2], offset, scale])
