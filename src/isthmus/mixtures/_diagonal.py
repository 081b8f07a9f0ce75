import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isthmus._types import Tree

from ._base import (
    LOG_TWO_PI,
    AbstractCovariance,
    Mixture,
    Moments,
    Prior,
    Removed,
    axis_factors,
    downdated,
    linear_joint,
    linear_moments,
    of_shape,
    quadratic,
    scatter,
)


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

    def neutral(self, n_components: int, n_dims: int) -> Tree:
        return jnp.ones((n_components, n_dims))

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], before: Tree, prior: Prior) -> Tree:
        sums = jnp.maximum(scatter(moments, mean, jnp.multiply, moments.second), 0.0)
        return 1.0 / jnp.sqrt((sums + prior.rows) / (moments.count[:, None] + prior.rows) + prior.ridge)

    def covariances(self, spread: Tree, n_dims: int) -> Float[Array, "components dims dims"]:
        return jnp.square(1.0 / spread)[..., None] * jnp.eye(n_dims, dtype=spread.dtype)

    def of_covariances(self, matrices: np.ndarray) -> Tree:
        return 1.0 / np.sqrt(self.compact(matrices))

    def compact(self, matrices: np.ndarray) -> np.ndarray:
        return np.diagonal(matrices, axis1=1, axis2=2).copy()

    def expanded(self, values: np.ndarray, n_components: int, n_dims: int) -> np.ndarray:
        return of_shape(values, (n_components, n_dims))[:, :, None] * np.eye(n_dims)

    def reduced(self, second: Float[Array, "components dims dims"], before: Tree) -> Tree:
        return jnp.diagonal(second, axis1=-2, axis2=-1)

    def left_out(self, mixture: Mixture, x: Float[Array, "dims rows"], removed: Removed) -> Float[Array, "components rows"]:
        squares = jnp.square((x - mixture.mean[:, :, None]) * mixture.spread[:, :, None])
        log_peak = jnp.sum(jnp.log(mixture.spread), axis=1) - 0.5 * x.shape[0] * LOG_TWO_PI
        return downdated(log_peak, squares, x.shape[0], removed)

    def log_prior(self, spread: Tree, n_dims: int) -> Float[Array, ""]:
        return jnp.sum(jnp.log(spread) - 0.5 * jnp.square(spread))

    def unconstrained(self, spread: Tree) -> Tree:
        return jnp.log(spread)

    def constrained(self, numbers: Tree) -> Tree:
        return jnp.exp(numbers)

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_components * n_dims

    def whitening(self, covariance: np.ndarray, *, axes_only: bool = False) -> np.ndarray:
        return axis_factors(covariance)

    def rescaled(self, spread: Tree, factor: np.ndarray) -> Tree:
        return np.asarray(spread, np.float64) * factor
