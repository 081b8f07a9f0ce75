"""Densities of rows under a mixture, differentiable, and what follows from a mixture for some of its dimensions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._base import AbstractCovariance, Mixture
from ._em import Chunks
from ._missing import observed_joint

__all__ = ["conditioned", "joint_of_chunks", "log_density", "marginalized", "matrices_of"]


def matrices_of(covariance: AbstractCovariance, mixture: Mixture) -> np.ndarray:
    """The covariance matrices of a mixture, (components or one, dims, dims), in float64 on the host."""
    with jax.enable_x64(True):
        return np.array(covariance.covariances(jax.tree.map(jnp.asarray, mixture.spread), mixture.mean.shape[1]))


def log_density(covariance: AbstractCovariance, mixture: Mixture, x: Float[Array, "rows dims"]) -> Float[Array, " rows"]:
    """`log sum_k w_k N(x; m_k, C_k)` of each row in nats; a JAX function of rows and of mixtures.

    Args:
        covariance: the structure.
        mixture: in the rows' unit, or in that of whitened rows; then the density is that of whitened rows.
        x: the rows.
    """
    joint, _ = covariance.log_joint(covariance.prepared(mixture), x.T)
    return jax.nn.logsumexp(joint, axis=0)


@jax.jit
def joint_of_chunks(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks) -> Any:
    """The log-density of each row (chunks, rows) and the components' shares in it (chunks, components, rows)."""
    if rows.observed is not None:
        matrices = covariance.covariances(mixture.spread, mixture.mean.shape[1])
        return jax.lax.map(lambda chunk: observed_joint(mixture, matrices, chunk.x, chunk.observed), rows)
    prepared = covariance.prepared(mixture)

    def of_chunk(x: Any) -> Any:
        joint, _ = covariance.log_joint(prepared, x)
        density = jax.nn.logsumexp(joint, axis=0)
        return density, jnp.exp(joint - density)

    return jax.lax.map(of_chunk, rows.x)


def marginalized(mean: np.ndarray, matrices: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances of some dimensions, in an order of choice."""
    return mean[:, kept], matrices[:, kept[:, None], kept]


def conditioned(
    log_weight: np.ndarray, mean: np.ndarray, matrices: np.ndarray, given: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-weights, means and covariances of the other dimensions where some have known values.

    `w_k' = w_k N(v; m_g, C_gg) / sum`, `m_k' = m_o + C_og C_gg^-1 (v - m_g)`, `C_k' = C_oo - C_og C_gg^-1 C_go`.

    Args:
        log_weight: (components,).
        mean: (components, dims).
        matrices: (components, dims, dims).
        given: numbers of the dimensions that are known.
        values: theirs.
    """
    others = np.setdiff1d(np.arange(mean.shape[1]), given)
    lower = np.linalg.cholesky(matrices[:, given[:, None], given])
    deviation = (values - mean[:, given])[:, :, None]
    whitened = np.linalg.solve(lower, deviation)
    crossed = np.linalg.solve(lower, matrices[:, given[:, None], others])
    log_det = np.sum(np.log(np.diagonal(lower, axis1=1, axis2=2)), axis=1)
    joint = log_weight - 0.5 * np.sum(whitened**2, axis=(1, 2)) - log_det
    turned = np.swapaxes(crossed, 1, 2)
    new_mean = mean[:, others] + (turned @ whitened)[:, :, 0]
    return joint - np.logaddexp.reduce(joint), new_mean, matrices[:, others[:, None], others] - turned @ crossed
