"""A mixture that follows a stream of rows: moments of all rows so far, which each chunk moves a little."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.mixtures import Moments, Table, added, matrices_of, updated, whole_moments

from ._mixture_fits import Fitted, fixed_of, in_precision, prior_of

__all__ = ["Stream", "begun", "continued", "implied"]

_FORGETTING = 0.6


class Stream(NamedTuple):
    """What is kept of rows that are gone.

    Attributes:
        moments: per row, with whole matrices as second moments (components, dims, dims), whatever the structure.
        value: the mean log-likelihood of rows when they were seen.
        n_chunks: how many there were.
        n_rows: what they counted together.
    """

    moments: Moments
    value: float
    n_chunks: int
    n_rows: float


def begun(found: Fitted, table: Table) -> Stream:
    """The stream whose first rows have led to a mixture."""
    value, moments = _moments(found, table)
    return Stream(moments, value, 1, float(table.weight.sum()))


def implied(found: Fitted) -> Stream:
    """The stream whose rows are gone, and of which only the mixture is known."""
    mixture = found.mixture
    weight = np.exp(mixture.log_weight)
    second = matrices_of(found.covariance, mixture) + mixture.mean[:, :, None] * mixture.mean[:, None, :]
    return Stream(Moments(weight, weight[:, None] * mixture.mean, weight[:, None, None] * second), found.value, 1, found.n_rows)


def continued(estimator: Any, found: Fitted, stream: Stream, table: Table) -> tuple[Fitted, Stream]:
    """The mixture and the stream after one more chunk of rows."""
    value, moments = _moments(found, table)
    n_chunks, n_rows = stream.n_chunks + 1, stream.n_rows + float(table.weight.sum())
    share = n_chunks**-_FORGETTING
    mixed = jax.tree.map(lambda old, new: (1.0 - share) * old + share * new, stream.moments, moments)
    with jax.enable_x64(True):
        before = jax.tree.map(jnp.asarray, found.mixture)
        total = jax.tree.map(lambda leaf: jnp.asarray(leaf * n_rows), mixed)
        own = total._replace(second=found.covariance.reduced(total.second, before.spread))
        fixed = fixed_of(estimator, found.covariance, len(found.mixture.mean), found)
        mixture = updated(found.covariance, own, before, prior_of(estimator, np.float64), fixed)
    mixture = jax.tree.map(np.asarray, mixture)
    value = (1.0 - share) * stream.value + share * value
    return found._replace(mixture=mixture, value=value, n_iter=found.n_iter + 1), Stream(mixed, value, n_chunks, n_rows)


def _moments(found: Fitted, table: Table) -> tuple[float, Moments]:
    """The mean log-likelihood of rows, and moments of whitened rows, per row."""
    dtype = table.x.dtype
    whole: Any = None
    with in_precision(dtype):
        mixture = jax.tree.map(functools.partial(jnp.asarray, dtype=dtype), found.mixture)
        for rows in table.blocks(found.whitening, len(found.mixture.mean), dtype):
            whole = added(whole, whole_moments(found.covariance, mixture, rows))
    value, moments = jax.tree.map(lambda leaf: leaf / table.weight.sum(), whole)
    return float(value) + table.mean_log_factor(found.whitening), moments
