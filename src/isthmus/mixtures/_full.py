import math
from typing import Any

import jax
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

__all__ = [
    "Full",
    "believed",
    "covariances_of",
    "factors_of_precision",
    "free_numbers",
    "log_peak",
    "of_free_numbers",
    "times_triangular",
    "triangular_log_prior",
    "triangular_whitening",
    "upper_roots",
]

# A direction that holds less than this share of its columns' variance counts as if it held that much.
_LEAST_SHARE = 1e-9


class Full(AbstractCovariance):
    """Each component has a covariance of its own, of any shape.

    `log N(x; m, C) = -1/2 x'Ax + m'Ax - 1/2 m'Am + 1/2 log|A| - d/2 log 2 pi` with `A = C^-1` is linear in the products `x_i x_j` and in
    `x`: so a pass is one matrix product for all densities and another for all moments, `d (d + 3) / 2` numbers a row in either.
    Spreads are kept as upper triangular factors `P` with `A = P P'`.

    References:
        Dempster, Laird & Rubin, Maximum Likelihood from Incomplete Data via the EM Algorithm, Journal of the Royal Statistical Society B
        39, 1977.

    Example:
        >>> Full().n_parameters(n_components=3, n_dims=2)
        9
    """

    def prepared(self, mixture: Mixture) -> Tree:
        factor = mixture.spread
        n_dims = factor.shape[-1]
        precision = jnp.einsum("kij,klj->kil", factor, factor, precision="highest")
        linear = jnp.einsum("kij,kj->ki", precision, mixture.mean, precision="highest")
        rows, columns = _pairs(n_dims)
        square = jnp.where(rows == columns, -0.5, -1.0) * precision[:, rows, columns]
        log_det = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factor, axis1=1, axis2=2))), axis=1)
        constant = mixture.log_weight + log_det - 0.5 * (n_dims * LOG_TWO_PI + quadratic(mixture.mean, linear))
        return jnp.concatenate([linear, square], axis=1), constant

    def log_joint(self, prepared: Tree, x: Float[Array, "dims rows"]) -> tuple[Float[Array, "components rows"], Tree]:
        rows, columns = _pairs(x.shape[0])
        features = jnp.concatenate([x, x[rows] * x[columns]], axis=0)
        return linear_joint(prepared, features), features

    def moments(self, shares: Float[Array, "components rows"], x: Float[Array, "dims rows"], kept: Tree) -> Moments:
        return linear_moments(shares, x, kept)

    def neutral(self, n_components: int, n_dims: int) -> Tree:
        return jnp.broadcast_to(jnp.eye(n_dims), (n_components, n_dims, n_dims))

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], before: Tree, prior: Prior) -> Tree:
        n_dims = mean.shape[1]
        rows, columns = _pairs(n_dims)
        sums = scatter(moments, mean, lambda a, b: 0.5 * (a[:, rows] * b[:, columns] + a[:, columns] * b[:, rows]), moments.second)
        upper = jnp.zeros((mean.shape[0], n_dims, n_dims), mean.dtype).at[:, rows, columns].set(sums)
        symmetric = upper + jnp.swapaxes(jnp.triu(upper, 1), 1, 2)
        return factors_of_precision(believed(symmetric, moments.count[:, None, None], jnp.eye(n_dims, dtype=mean.dtype), prior))

    def covariances(self, spread: Tree, n_dims: int) -> Float[Array, "components dims dims"]:
        return covariances_of(spread)

    def of_covariances(self, matrices: np.ndarray) -> Tree:
        return upper_roots(matrices)

    def compact(self, matrices: np.ndarray) -> np.ndarray:
        return matrices

    def expanded(self, values: np.ndarray, n_components: int, n_dims: int) -> np.ndarray:
        return of_shape(values, (n_components, n_dims, n_dims))

    def reduced(self, second: Float[Array, "components dims dims"], before: Tree) -> Tree:
        rows, columns = _pairs(second.shape[-1])
        return second[:, rows, columns]

    def left_out(self, mixture: Mixture, x: Float[Array, "dims rows"], removed: Removed) -> Float[Array, "components rows"]:
        factor = mixture.spread
        along = jnp.matmul(jnp.swapaxes(factor, 1, 2), x - mixture.mean[:, :, None], precision="highest")
        return downdated(log_peak(factor), jnp.sum(jnp.square(along), axis=1, keepdims=True), x.shape[0], removed)

    def log_prior(self, spread: Tree, n_dims: int) -> Float[Array, ""]:
        return triangular_log_prior(spread)

    def unconstrained(self, spread: Tree) -> Tree:
        return free_numbers(spread)

    def constrained(self, numbers: Tree) -> Tree:
        return of_free_numbers(numbers)

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_components * n_dims * (n_dims + 1) // 2

    def whitening(self, covariance: np.ndarray, *, axes_only: bool = False) -> np.ndarray:
        return axis_factors(covariance) if axes_only else triangular_whitening(covariance)

    def rescaled(self, spread: Tree, factor: np.ndarray) -> Tree:
        return times_triangular(spread, factor)


def factors_of_precision(covariance: Any) -> Any:
    """Upper triangular `P` with `C^-1 = P P'` of covariances (..., dims, dims)."""
    lower = jnp.linalg.cholesky(covariance)
    identity = jnp.broadcast_to(jnp.eye(covariance.shape[-1], dtype=covariance.dtype), covariance.shape)
    return jnp.swapaxes(jax.lax.linalg.triangular_solve(lower, identity, left_side=True, lower=True), -1, -2)


def _pairs(n_dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the dimensions of each product, the lower first."""
    return np.triu_indices(n_dims)


def covariances_of(factor: Any) -> Any:
    """`(P P')^-1` of upper triangular factors (..., dims, dims)."""
    identity = jnp.broadcast_to(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor.shape)
    inverse = jax.lax.linalg.triangular_solve(factor, identity, left_side=True, lower=False)
    return jnp.matmul(jnp.swapaxes(inverse, -1, -2), inverse, precision="highest")


def log_peak(factor: Any) -> Any:
    """The normal log-density at the mean, of factors of precisions."""
    log_det = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factor, axis1=-2, axis2=-1))), axis=-1)
    return log_det - 0.5 * factor.shape[-1] * LOG_TWO_PI


def believed(sums: Any, count: Any, unit: Any, prior: Prior) -> Any:
    """Covariances of scatter matrices and the rows behind them, with a prior of covariance `unit`."""
    return (sums + prior.rows * unit) / (count + prior.rows) + prior.ridge * unit


def triangular_log_prior(factor: Any) -> Any:
    """`-1/2 sum (log|C| + trace C^-1)` of factors of precisions."""
    return jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factor, axis1=-2, axis2=-1)))) - 0.5 * jnp.sum(jnp.square(factor))


def free_numbers(factor: Any) -> Any:
    """The upper triangles (..., dims (dims + 1) / 2) of factors, with logarithms in the place of their diagonals."""
    rows, columns = _pairs(factor.shape[-1])
    return _with_diagonal(factor, jnp.log)[..., rows, columns]


def of_free_numbers(numbers: Any) -> Any:
    """The factors of what `free_numbers` gave."""
    n_dims = math.isqrt(2 * numbers.shape[-1])
    rows, columns = _pairs(n_dims)
    upper = jnp.zeros((*numbers.shape[:-1], n_dims, n_dims), numbers.dtype).at[..., rows, columns].set(numbers)
    return _with_diagonal(upper, jnp.exp)


def _with_diagonal(matrix: Any, function: Any) -> Any:
    """Triangular matrices whose diagonals went through a function."""
    diagonal = jnp.diagonal(matrix, axis1=-2, axis2=-1)
    return jnp.triu(matrix, 1) + jnp.eye(matrix.shape[-1], dtype=matrix.dtype) * function(diagonal)[..., None, :]


def upper_roots(covariances: np.ndarray) -> np.ndarray:
    """Upper triangular `P` with `C^-1 = P P'`, in float64 on the host."""
    return np.triu(np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariances)), -1, -2))


def triangular_whitening(covariance: np.ndarray) -> np.ndarray:
    """Upper triangular `U` with `U' C U` the identity; directions without variance stay without."""
    scale = axis_factors(covariance)
    correlation = covariance * scale[:, None] * scale
    np.fill_diagonal(correlation, 1.0)
    return scale[:, None] * upper_roots(correlation + _LEAST_SHARE * np.eye(len(scale)))


def times_triangular(factor: Any, whitening: np.ndarray) -> np.ndarray:
    """`W P`: the factors of precisions `P` in the unit of rows before they were multiplied by `W`."""
    matrix = whitening if whitening.ndim == 2 else np.diag(whitening)
    return np.matmul(matrix, np.asarray(factor, np.float64))
