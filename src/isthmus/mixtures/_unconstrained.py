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

from ._base import LOG_TWO_PI, AbstractCovariance, Mixture
from ._em import NOTHING_FIXED, Fixed, holds_spread, spread_where

__all__ = ["constrained", "ridged", "unconstrained", "unraveled"]


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
    spread = spread_where(holds_spread(covariance, fixed), before.spread, covariance.constrained(numbers.spread))
    return Mixture(log_weight, mean, spread)


def ridged(covariance: AbstractCovariance, mixture: Mixture, ridge: Any) -> Mixture:
    """The mixture with weights `w_k exp(-ridge / 2 trace C_k^-1)`: what a gradient climbs, that covariances keep the ridge.

    `log N(x; m, C) - ridge / 2 trace C^-1` is the mean log-density of `x` with noise of the ridge's variance on it. For given shares it is
    largest where a maximization with that ridge ends; without it a component that is flat has no largest density.

    Args:
        covariance: the structure.
        mixture: of whitened rows.
        ridge: `Prior.ridge`.
    """
    n_dims = mixture.mean.shape[1]
    at_zero = Mixture(jnp.zeros_like(mixture.log_weight), jnp.zeros_like(mixture.mean), mixture.spread)
    peak, _ = covariance.log_joint(covariance.prepared(at_zero), jnp.zeros((n_dims, 1), mixture.mean.dtype))
    log_det = -2.0 * peak[:, 0] - n_dims * LOG_TWO_PI

    def judged(spread: Any) -> Any:
        return covariance.log_prior(jax.tree.map(lambda leaf: leaf[None], spread), n_dims)

    own = covariance.log_prior(mixture.spread, n_dims) if covariance.is_shared else jax.vmap(judged)(mixture.spread)
    trace = -2.0 * own - log_det
    return mixture._replace(log_weight=mixture.log_weight - 0.5 * ridge * trace)


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
