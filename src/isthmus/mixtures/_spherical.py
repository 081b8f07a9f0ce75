from typing import Any

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
    common_factor,
    downdated,
    linear_joint,
    linear_moments,
    of_shape,
    scatter,
)


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

    def neutral(self, n_components: int, n_dims: int) -> Tree:
        return jnp.ones(n_components)

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], before: Tree, prior: Prior) -> Tree:
        def product(a: Any, b: Any) -> Any:
            return jnp.sum(a * b, axis=1, keepdims=True)

        sums = jnp.maximum(scatter(moments, mean, product, moments.second)[:, 0], 0.0) / mean.shape[1]
        return 1.0 / jnp.sqrt((sums + prior.rows) / (moments.count + prior.rows) + prior.ridge)

    def covariances(self, spread: Tree, n_dims: int) -> Float[Array, "components dims dims"]:
        return jnp.square(1.0 / spread)[:, None, None] * jnp.eye(n_dims, dtype=spread.dtype)

    def of_covariances(self, matrices: np.ndarray) -> Tree:
        return 1.0 / np.sqrt(self.compact(matrices))

    def compact(self, matrices: np.ndarray) -> np.ndarray:
        return np.mean(np.diagonal(matrices, axis1=1, axis2=2), axis=1)

    def expanded(self, values: np.ndarray, n_components: int, n_dims: int) -> np.ndarray:
        return of_shape(values, (n_components,))[:, None, None] * np.eye(n_dims)

    def reduced(self, second: Float[Array, "components dims dims"], before: Tree) -> Tree:
        return jnp.trace(second, axis1=-2, axis2=-1)[:, None]

    def left_out(self, mixture: Mixture, x: Float[Array, "dims rows"], removed: Removed) -> Float[Array, "components rows"]:
        n_dims = x.shape[0]
        squares = jnp.mean(jnp.square((x - mixture.mean[:, :, None]) * mixture.spread[:, None, None]), axis=1, keepdims=True)
        log_peak = n_dims * (jnp.log(mixture.spread) - 0.5 * LOG_TWO_PI)
        return downdated(log_peak, squares, n_dims, removed, times=n_dims)

    def log_prior(self, spread: Tree, n_dims: int) -> Float[Array, ""]:
        return n_dims * jnp.sum(jnp.log(spread) - 0.5 * jnp.square(spread))

    def unconstrained(self, spread: Tree) -> Tree:
        return jnp.log(spread)

    def constrained(self, numbers: Tree) -> Tree:
        return jnp.exp(numbers)

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_components

    def whitening(self, covariance: np.ndarray, *, axes_only: bool = False) -> np.ndarray:
        return common_factor(covariance)

    def rescaled(self, spread: Tree, factor: np.ndarray) -> Tree:
        return np.asarray(spread, np.float64) * factor[0]
