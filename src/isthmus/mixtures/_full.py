from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isthmus._types import Tree

from ._base import LOG_TWO_PI, AbstractCovariance, Mixture, Moments, linear_joint, linear_moments, quadratic

__all__ = ["Full", "factors_of_precision"]


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

    def spread(self, moments: Moments, mean: Float[Array, "components dims"], ridge: Any) -> Tree:
        n_dims = mean.shape[1]
        rows, columns = _pairs(n_dims)
        second = moments.second / moments.count[:, None] - mean[:, rows] * mean[:, columns]
        upper = jnp.zeros((mean.shape[0], n_dims, n_dims), mean.dtype).at[:, rows, columns].set(second)
        covariance = upper + jnp.swapaxes(jnp.triu(upper, 1), 1, 2)
        return factors_of_precision(covariance + ridge * jnp.eye(n_dims, dtype=mean.dtype))

    def n_parameters(self, n_components: int, n_dims: int) -> int:
        return n_components * n_dims * (n_dims + 1) // 2


def factors_of_precision(covariance: Any) -> Any:
    """Upper triangular `P` with `C^-1 = P P'` of covariances (..., dims, dims)."""
    lower = jnp.linalg.cholesky(covariance)
    identity = jnp.broadcast_to(jnp.eye(covariance.shape[-1], dtype=covariance.dtype), covariance.shape)
    return jnp.swapaxes(jax.lax.linalg.triangular_solve(lower, identity, left_side=True, lower=True), -1, -2)


def _pairs(n_dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the dimensions of each product, the lower first."""
    return np.triu_indices(n_dims)
