"""Expectation-maximization over a table in blocks: compiled as a whole where one block holds it, else a pass over all blocks at a time."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._base import AbstractCovariance, Mixture, Prior
from ._em import Chunks, Fixed, Limits, Run, expectation, maximized, run_em
from ._em import whole_moments as _whole_moments

__all__ = ["compiled_run", "expected", "run_blocks", "updated", "whole_moments"]

compiled_run = jax.jit(run_em, static_argnames="accelerated")
expected = jax.jit(expectation)
updated = jax.jit(maximized)
whole_moments = jax.jit(_whole_moments)


def run_blocks(
    covariance: AbstractCovariance, mixture: Mixture, blocks: Callable[[], Iterable[Chunks]], limits: Limits, prior: Prior, fixed: Fixed
) -> Run:
    """As `run_em`, with the rows of a table that is read anew for each iteration and moments that are added up in float64.

    Args:
        covariance: the structure.
        mixture: where to start.
        blocks: gives all blocks, each time it is called.
        limits: when to stop.
        prior: what is believed of the covariances.
        fixed: what is not to move.
    """
    before, n_iter, converged = -np.inf, 0, False
    while True:
        found: Any = None
        count = 0.0
        for rows in blocks():
            own = jax.tree.map(functools.partial(np.asarray, dtype=np.float64), expected(covariance, mixture, rows))
            found = own if found is None else jax.tree.map(np.add, found, own)
            count += float(jnp.sum(rows.weight))
        total, moments = found
        value = float(_value(covariance, mixture, total, count, prior))
        if converged or n_iter == limits.max_iter:
            return Run(mixture, value, n_iter, converged)
        cast = functools.partial(jnp.asarray, dtype=mixture.mean.dtype)
        mixture = updated(covariance, jax.tree.map(cast, moments), mixture, prior, fixed)
        n_iter += 1
        converged, before = bool(abs(value - before) < limits.tol), value


def _value(covariance: AbstractCovariance, mixture: Mixture, total: Any, count: float, prior: Prior) -> Any:
    share = prior.rows * np.asarray(covariance.log_prior(mixture.spread, mixture.mean.shape[1]), np.float64)
    return (total + share) / count
