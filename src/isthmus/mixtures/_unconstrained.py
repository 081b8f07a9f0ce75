"""Mixtures as numbers of which each may take any value: a method that follows a gradient need not watch what it does.

```
weights      softmax
means        as they are
spreads      triangular factors of precisions, the logarithms of their diagonals; or the logarithms of what is to be positive
```
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ._base import AbstractCovariance, Mixture
from ._em import NOTHING_FIXED, Fixed

__all__ = ["constrained", "unconstrained", "unraveled"]


def unconstrained(covariance: AbstractCovariance, mixture: Mixture) -> Mixture:
    """The mixture's numbers; of log-weights any that differ by one constant mean the same.

    Example:
        >>> import numpy as np
        >>> from isthmus.mixtures import Diagonal
        >>> half = np.log([0.5, 0.5])
        >>> unconstrained(Diagonal(), Mixture(half, np.zeros((2, 1)), np.ones((2, 1)))).spread.ravel()
        Array([0., 0.], dtype=float32)
    """
    return mixture._replace(spread=covariance.unconstrained(mixture.spread))


def constrained(covariance: AbstractCovariance, numbers: Mixture, before: Mixture, fixed: Fixed = NOTHING_FIXED) -> Mixture:
    """The mixture of numbers; by those of what is held it is not changed, so that their gradient is zero.

    Args:
        covariance: the structure.
        numbers: what `unconstrained` gives.
        before: the mixture that has what is held.
        fixed: what that is.
    """
    held = jnp.asarray(fixed.weight)
    # The free weights share out what the held ones leave.
    left = 1.0 - jnp.sum(jnp.where(held, jnp.exp(before.log_weight), 0.0))
    free = jnp.log(jnp.maximum(left, jnp.finfo(left.dtype).eps)) + jax.nn.log_softmax(jnp.where(held, -jnp.inf, numbers.log_weight))
    log_weight = jnp.where(held, before.log_weight, free)
    mean = jnp.where(jnp.asarray(fixed.mean)[..., None], before.mean, numbers.mean)
    kept = jnp.any(jnp.asarray(fixed.spread)) if covariance.is_shared else jnp.asarray(fixed.spread)

    def chosen(new: Any, old: Any) -> Any:
        return jnp.where(kept.reshape(*kept.shape, *[1] * (new.ndim - kept.ndim)), old, new)

    return Mixture(log_weight, mean, jax.tree.map(chosen, covariance.constrained(numbers.spread), before.spread))


def unraveled(covariance: AbstractCovariance, vector: Any, n_components: int, n_dims: int) -> Mixture:
    """The numbers that `jax.flatten_util.ravel_pytree` has put into one vector.

    Args:
        covariance: the structure.
        vector: as many as there are numbers: one more than the mixture has free parameters, since weights sum to one; with low-rank
            covariances a few more, since factors can be turned.
        n_components: how many components.
        n_dims: how many dimensions.
    """
    spread = covariance.unconstrained(covariance.neutral(n_components, n_dims))
    form = Mixture(jnp.zeros(n_components), jnp.zeros((n_components, n_dims)), spread)
    return ravel_pytree(jax.tree.map(lambda leaf: leaf.astype(vector.dtype), form))[1](vector)
