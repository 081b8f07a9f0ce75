import jax
import jax.numpy as jnp

from isthmus._types import Data, Key, Mask

__all__ = ["from_other_rows"]


def from_other_rows(x: Data, mask: Mask | None, *, key: Key) -> Data:
    """For each value the same feature of another row of the batch, every other row that counts being equally likely.

    Of a batch with a single row it is that row.

    Args:
        x: the rows.
        mask: 1 for rows that count and 0 for padding; None where all count.
        key: for random draws.
    """
    mask = jnp.ones(x.shape[0]) if mask is None else mask
    # Rows that count are numbered; going on from a row's own number by 1 ... n - 1, in a circle, reaches every other one once.
    numbers = (jnp.cumsum(mask) - 1.0).astype(jnp.int32)
    n_rows = jnp.maximum(numbers[-1] + 1, 1)
    positions = jnp.zeros(x.shape[0], jnp.int32).at[jnp.where(mask > 0, numbers, x.shape[0])].set(jnp.arange(x.shape[0]), mode="drop")
    steps = jax.random.randint(key, x.shape, 1, jnp.maximum(n_rows, 2))
    donors = (jnp.reshape(numbers, (-1, *(1,) * (x.ndim - 1))) + steps) % n_rows
    return jnp.take_along_axis(x, positions[donors], axis=0)
