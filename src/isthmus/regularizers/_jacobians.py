"""Squared Frobenius norms of Jacobians from products with vectors, never from more than a row's Jacobian at a time.

```
exact      sum_k |J' e_k|^2         as many products as there are unit vectors e_k
sampled    mean_s |J' v_s|^2        v_s of independent signs: the same on average, since E v v' = 1 (Hutchinson 1989)
```
All is reverse mode, which is what products of rounded operands offer; `J u` is the transpose of `v -> J' v`.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus._types import Key, Shape

__all__ = ["mean_over_probes", "pullback", "pushforward", "rows_of"]


def pullback(function: Callable[[Any], Any], at: Any) -> Callable[[Any], Any]:
    """`v -> J' v`, with `J` the Jacobian of `function`."""
    pull = jax.vjp(function, at)[1]
    return lambda v: pull(v)[0]


def pushforward(function: Callable[[Any], Any], at: Any) -> Callable[[Any], Any]:
    """`u -> J u`."""
    pull = pullback(function, at)
    outputs = jax.eval_shape(function, at)
    return pullback(pull, jnp.zeros(outputs.shape, outputs.dtype))


def rows_of(product: Callable[[Any], Any], shape: Shape, dtype: Any) -> Array:
    """The products of a linear function with all unit vectors of `shape`, each flattened to a row of the result."""
    size = math.prod(shape)
    basis = jnp.reshape(jnp.eye(size, dtype=dtype), (size, *shape))
    return jnp.reshape(jax.vmap(product)(basis), (size, -1))


def mean_over_probes(squared: Callable[[Any, Any], Any], inputs: Array, shape: Shape, n_samples: int, *, key: Key | None) -> Array:
    """The mean of `squared(row, v)` over vectors `v` of random signs, drawn anew for each row.

    Args:
        squared: of one row of `inputs` and one vector.
        inputs: the rows.
        shape: of the vectors.
        n_samples: how many a row.
        key: for random draws.
    """
    assert key is not None
    signs = jax.random.rademacher(key, (inputs.shape[0], n_samples, *shape), inputs.dtype)
    return jnp.mean(jax.vmap(jax.vmap(squared, (None, 0)))(inputs, signs), axis=1)
