from typing import Any, NamedTuple

import jax
import numpy as np

__all__ = ["Rows", "random_orders"]


class Rows(NamedTuple):
    """Training or validation rows on the device.

    Attributes:
        arrays: a PyTree whose arrays share their first axis, the capacity; rows from `count` on are padding.
        count: how many rows there are.
    """

    arrays: Any
    count: Any

    @property
    def capacity(self) -> int:
        """How many rows the arrays have room for: the shape that is compiled in."""
        return jax.tree.leaves(self.arrays)[0].shape[0]


def random_orders(seed: np.ndarray, epochs: range, count: int, shape: tuple[int, int]) -> np.ndarray:
    """A random order of `0 ... count - 1` for each epoch, as int32 rows of zeros beyond that.

    They are drawn on the host: a generator and a sort in the compiled program take 0.2 s to compile, a third of a small
    fit, and 13 ms an epoch of 60 000 rows, where this takes 1 ms. An order depends on its epoch, not on when it is asked for.

    Args:
        seed: two uint32 words.
        epochs: which epochs, from -1 on, no more than the result has rows.
        count: how many numbers to put in order.
        shape: of the result.
    """
    orders = np.zeros(shape, np.int32)
    for row, epoch in enumerate(epochs):
        generator = np.random.default_rng([*seed.tolist(), epoch + 1])
        orders[row, :count] = generator.permutation(np.int32(count))
    return orders
