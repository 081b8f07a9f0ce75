from typing import Any

import jax
import jax.numpy as jnp

from ._base import AbstractCovariance, Mixture, Removed
from ._em import Chunks

__all__ = ["left_out_of_chunks"]


@jax.jit
def left_out_of_chunks(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks, prior_rows: Any, count: Any) -> Any:
    """The log-density of each row (chunks, rows) in nats under the mixture that maximizes without it.

    The shares of all rows in components are held, so that each component's weight, mean and spread follow from taking the row out of
    its moments: `w_k' = (n w_k - r_k) / (n - 1)` for a row with the share `r_k`, and the rest as in `AbstractCovariance.left_out`. For one
    component without a prior it is what fitting the other rows gives.

    Args:
        covariance: the structure.
        mixture: that has maximized the likelihood of the rows, whitened.
        rows: whitened, without missing values.
        prior_rows: `Prior.rows`.
        count: what all rows count together.
    """
    prepared = covariance.prepared(mixture)
    own = count * jnp.exp(mixture.log_weight)

    def of_chunk(chunk: Chunks) -> Any:
        joint, _ = covariance.log_joint(prepared, chunk.x)
        removed = Removed(chunk.weight * jax.nn.softmax(joint, axis=0), own, prior_rows)
        log_weight = jnp.log(removed.left) - jnp.log(count - chunk.weight)
        joint = jnp.where(removed.lasts, log_weight + covariance.left_out(mixture, chunk.x, removed), -jnp.inf)
        return jax.nn.logsumexp(joint, axis=0)

    return jax.lax.map(of_chunk, rows._replace(observed=None))
