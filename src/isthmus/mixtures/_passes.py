"""Expectation-maximization over a table in blocks: compiled as a whole where one block holds it, else a pass over all blocks at a time."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._base import AbstractCovariance, Mixture, Prior
from ._em import NOTHING_FIXED, Chunks, Fixed, Limits, Run, calm_iterations, expectation, maximized, moments_of_labels, run_em, stepping
from ._em import whole_moments as _whole_moments

__all__ = ["added", "compiled_run", "expected", "labeled_moments", "run_blocks", "updated", "whole_moments"]

compiled_run = jax.jit(run_em, static_argnames="accelerated")
expected = jax.jit(expectation)
updated = jax.jit(maximized)
whole_moments = jax.jit(_whole_moments)
labeled_moments = jax.jit(moments_of_labels)


def added(total: Any, own: Any) -> Any:
    """Sums on the host, in float64, and those of one more block; `total` is None before the first."""
    own = jax.tree.map(functools.partial(np.asarray, dtype=np.float64), own)
    return own if total is None else jax.tree.map(np.add, total, own)


def run_blocks(
    covariance: AbstractCovariance,
    mixture: Mixture,
    blocks: Callable[[], Iterable[Chunks]],
    limits: Limits,
    prior: Prior,
    fixed: Fixed = NOTHING_FIXED,
    *,
    accelerated: bool = False,
) -> Run:
    """As `run_em`, with the rows of a table that is read anew for each iteration and moments that are added up in float64.

    Args:
        covariance: the structure.
        mixture: where to start.
        blocks: gives all blocks, each time it is called.
        limits: when to stop.
        prior: what is believed of the covariances.
        fixed: what is not to move.
        accelerated: whether to extrapolate.
    """

    def iterated(mixture: Mixture) -> tuple[Mixture, float]:
        found: Any = None
        for rows in blocks():
            found = added(found, (expected(covariance, mixture, rows), jnp.sum(rows.weight)))
        (total, moments), count = found
        share = prior.rows * float(covariance.log_prior(mixture.spread, mixture.mean.shape[1]))
        cast = functools.partial(jnp.asarray, dtype=mixture.mean.dtype)
        return updated(covariance, jax.tree.map(cast, moments), mixture, prior, fixed), float((total + share) / count)

    step, passes = stepping(covariance, iterated, fixed, accelerated=accelerated)
    before, n_iter, n_calm, needed = -np.inf, 0, 0, calm_iterations(mixture.mean.dtype)
    while n_iter < limits.max_iter and n_calm < needed:
        mixture, value = step(mixture)
        n_iter += passes
        n_calm, before = n_calm + 1 if abs(value - before) < limits.tol else 0, value
    return Run(mixture, iterated(mixture)[1], n_iter, n_calm >= needed)
