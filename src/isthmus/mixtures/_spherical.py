from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._types import Tree

from ._base import LOG_TWO_PI, AbstractCovariance, Mixture, Moments, linear_joint, linear_moments


class Spherical(AbstractCovariance):
    """Each component has one variance of its own, the same in all directions.

    `log N(x; m, s^2) = -|x - m|^2 / (2 s^2) - d log s - d/2 log 2 pi`. Spreads are kept as roots of precisions, `1 / s`.

    Example:
        >>> Spherical().n_parameters(n_components=3, n_dims=2)
        3
    """

    def prepared(self, mixture: Mixture) -> Tree:
        n_dims, precision = mixture.mean.shape[1], jnp.square(mixture.spread)
        squares = n_dims * LOG_TWO_PI + precision * jnp.sum(jnp.square(mixture.mean), axis=1)
        constant = mixture.log_weight + n_dims * jnp.log(mixture.spread) - 0.5 * squares
        return jnp.concatenate([precision[:, None] * mixture.mean, -0.5 * precision[:, None]], axis=1), constant

    def log_joint(self, prepared: Tree, x: Float[Array, "dims rows"]) -> tuple[Float[Array, "components rows"], Tree]:
        features = jnp.concatenate([x, jnp.sum(jnp.square(x), axis=0, keepdims=True)], axis=0)
        return linear_joint(prepared, features), features

    def moments(self, shares: Float[Array, "components rows"], x: Float[Array, "dims rows"], kept: Tree) -> Moments:
        return linear_moments(shares, x, kept)

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], ridge: Any) -> Tree:
        variance = (moments.second[:, 0] / moments.count - jnp.sum(jnp.square(mean), axis=1)) / mean.shape[1]
        return 1.0 / jnp.sqrt(jnp.maximum(variance, 0.0) + ridge)

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_components
