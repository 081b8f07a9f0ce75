from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._types import Tree

from ._base import LOG_TWO_PI, AbstractCovariance, Mixture, Moments, linear_joint, linear_moments, quadratic


class Diagonal(AbstractCovariance):
    """Each component has a variance of its own for each dimension, and no correlations.

    `log N(x; m, s^2) = sum_i -(x_i - m_i)^2 / (2 s_i^2) - log s_i - log(2 pi) / 2`, as a product of `x` and `x^2` with the components'
    coefficients: `2 d` numbers a row. Spreads are kept as roots of precisions, `1 / s`.

    Example:
        >>> Diagonal().n_parameters(n_components=3, n_dims=2)
        6
    """

    def prepared(self, mixture: Mixture) -> Tree:
        precision = jnp.square(mixture.spread)
        linear = precision * mixture.mean
        log_det = jnp.sum(jnp.log(mixture.spread), axis=1)
        constant = mixture.log_weight + log_det - 0.5 * (mixture.mean.shape[1] * LOG_TWO_PI + quadratic(mixture.mean, linear))
        return jnp.concatenate([linear, -0.5 * precision], axis=1), constant

    def log_joint(self, prepared: Tree, x: Float[Array, "dims rows"]) -> tuple[Float[Array, "components rows"], Tree]:
        features = jnp.concatenate([x, jnp.square(x)], axis=0)
        return linear_joint(prepared, features), features

    def moments(self, shares: Float[Array, "components rows"], x: Float[Array, "dims rows"], kept: Tree) -> Moments:
        return linear_moments(shares, x, kept)

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], ridge: Any) -> Tree:
        variance = moments.second / moments.count[:, None] - jnp.square(mean)
        return 1.0 / jnp.sqrt(jnp.maximum(variance, 0.0) + ridge)

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_components * n_dims
