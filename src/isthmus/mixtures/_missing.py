"""Expectation where values are missing: each row by what it has, and what it lacks as the component would expect it.

For a row with values `o` and without `m`, under a component of mean `u` and covariance `C`, what is missing is normal with mean
`u_m + C_mo C_oo^-1 (x_o - u_o)` and covariance `C_mm - C_mo C_oo^-1 C_om` (Ghahramani & Jordan, Supervised learning from incomplete data
via an EM approach, 1994). All rows of a chunk lack the same dimensions, so that the matrices are inverted once for all of them.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ._base import LOG_TWO_PI, Mixture, Moments

__all__ = ["conditional_moments", "observed_joint"]


def observed_joint(mixture: Mixture, matrices: Any, x: Any, observed: Any) -> tuple[Any, Any]:
    """The log-density of the values that rows have, (rows,), and the shares of components in it, (components, rows).

    Args:
        mixture: the mixture.
        matrices: its covariances (components, dims, dims), or (1, dims, dims).
        x: (dims, rows).
        observed: (dims,), one or zero.
    """
    joint, *_ = _joint(mixture, matrices, x, observed)
    log_density = jax.nn.logsumexp(joint, axis=0)
    return log_density, jnp.exp(joint - log_density)


def conditional_moments(mixture: Mixture, matrices: Any, x: Any, weight: Any, observed: Any) -> tuple[Any, Any, Moments]:
    """The log-density of rows (rows,), weighted shares (components, rows) and moments with whole matrices as second ones.

    Args:
        mixture: the mixture.
        matrices: its covariances (components, dims, dims), or (1, dims, dims).
        x: (dims, rows).
        weight: (rows,).
        observed: (dims,), one or zero.
    """
    joint, deviation, gain = _joint(mixture, matrices, x, observed)
    log_density = jax.nn.logsumexp(joint, axis=0)
    shares = weight * jnp.exp(joint - log_density)
    # At dimensions that are there the gain is the identity, up to rounding: the values themselves are taken.
    expected = mixture.mean[:, :, None] + jnp.matmul(gain, deviation, precision="highest")
    filled = jnp.where(observed[:, None] > 0, x, expected)
    left = matrices - jnp.matmul(gain, matrices * observed[:, None], precision="highest")
    missing = 1.0 - observed
    left = left * missing[:, None] * missing
    count = jnp.sum(shares, axis=1)
    shared = shares[:, None, :] * filled
    second = jnp.matmul(shared, jnp.swapaxes(filled, 1, 2), precision="highest") + count[:, None, None] * left
    return log_density, shares, Moments(count, jnp.sum(shared, axis=2), second)


def _joint(mixture: Mixture, matrices: Any, x: Any, observed: Any) -> tuple[Any, Any, Any]:
    """`log w_k + log N(x_o)`, deviations with zeros for what is missing (components, dims, rows), and `C_.o C_oo^-1`."""
    n_dims = x.shape[0]
    both = observed[:, None] * observed
    # Rows and columns of missing dimensions are those of the identity: they add nothing to products, and log 1 to the determinant.
    lower = jnp.linalg.cholesky(matrices * both + jnp.diag(1.0 - observed))
    deviation = observed[:, None] * (x - mixture.mean[:, :, None])
    wide = jnp.broadcast_to(lower, (deviation.shape[0], n_dims, n_dims))
    whitened = jax.lax.linalg.triangular_solve(wide, deviation, left_side=True, lower=True)
    log_det = jnp.sum(jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)), axis=-1)
    normal = -0.5 * (jnp.sum(jnp.square(whitened), axis=1) + jnp.sum(observed) * LOG_TWO_PI) - log_det[:, None]
    gain = jax.scipy.linalg.cho_solve((lower, True), jnp.swapaxes(matrices * observed, -1, -2))
    return mixture.log_weight[:, None] + normal, deviation, jnp.swapaxes(gain, -1, -2) * observed
