"""Expectation and maximization, compiled: any number of iterations, some rows at a time.

```
iteration     for each chunk of rows: densities ── shares ── moments, added up        the shares of all rows are never there at once
              from all moments: weights, means, spreads
```
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from isthmus._types import Tree

from ._base import AbstractCovariance, Mixture, Moments

__all__ = ["Chunks", "Limits", "Run", "mean_log_likelihood", "run_em"]


class Chunks(NamedTuple):
    """Rows, transposed and in chunks of one size.

    Attributes:
        x: (chunks, dims, rows), scaled.
        weight: (chunks, rows), what each row counts; zero for padding.
    """

    x: Any
    weight: Any


class Limits(NamedTuple):
    """When to stop, and how narrow components may become.

    Attributes:
        tol: the mean log-likelihood's gain, in nats a row, below which an iteration is the last.
        max_iter: iterations at most.
        ridge: added to variances, in the unit of the scaled rows.
    """

    tol: Any
    max_iter: Any
    ridge: Any


class Run(NamedTuple):
    """Where a run ended.

    Attributes:
        mixture: after the last maximization.
        log_likelihood: of that mixture, the mean over rows in nats.
        n_iter: how many iterations it took.
        converged: whether the last one gained less than the tolerance.
    """

    mixture: Mixture
    log_likelihood: Any
    n_iter: Any
    converged: Any


def run_em(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks, limits: Limits) -> Run:
    """Iterations from `mixture` on, until they gain too little.

    Args:
        covariance: the structure.
        mixture: where to start.
        rows: of which the likelihood is to rise.
        limits: when to stop.
    """

    def unfinished(carry: Any) -> Any:
        _, _, n_iter, converged = carry
        return (n_iter < limits.max_iter) & ~converged

    def iterate(carry: Any) -> Any:
        mixture, before, n_iter, _ = carry
        value, moments = _pass(covariance, mixture, rows)
        return maximized(covariance, moments, mixture, limits.ridge), value, n_iter + 1, jnp.abs(value - before) < limits.tol

    start = (mixture, jnp.full((), -jnp.inf, mixture.mean.dtype), jnp.int32(0), jnp.asarray(False))
    mixture, _, n_iter, converged = jax.lax.while_loop(unfinished, iterate, start)
    return Run(mixture, mean_log_likelihood(covariance, mixture, rows), n_iter, converged)


def maximized(covariance: AbstractCovariance, moments: Moments, before: Mixture, ridge: Any) -> Mixture:
    """The mixture of most expected likelihood; a component that has lost its rows stays where it was, at next to no weight.

    Args:
        covariance: the structure.
        moments: of all rows, shared out.
        before: the mixture that shared them out.
        ridge: added to variances.
    """
    tiny = jnp.finfo(before.mean.dtype).eps
    total = jnp.sum(moments.count)
    alive = moments.count > 10.0 * tiny * total
    count = jnp.where(alive, moments.count, total)
    mean = jnp.where(alive[:, None], moments.first / count[:, None], before.mean)
    spread = covariance.spread(moments if covariance.is_shared else moments._replace(count=count), mean, ridge)
    if not covariance.is_shared:
        own = functools.partial(jnp.expand_dims, alive)
        spread = jax.tree.map(lambda new, old: jnp.where(own(tuple(range(1, new.ndim))), new, old), spread, before.spread)
    weight = jnp.maximum(moments.count / total, tiny)
    return Mixture(jnp.log(weight / jnp.sum(weight)), mean, spread)


def mean_log_likelihood(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks) -> Any:
    """Of a mixture, in nats a row."""
    prepared = covariance.prepared(mixture)

    def add(carry: Any, chunk: Chunks) -> Any:
        joint, _ = covariance.log_joint(prepared, chunk.x)
        return _added(carry, jnp.sum(chunk.weight * jax.nn.logsumexp(joint, axis=0))), None

    zero = jnp.zeros((), mixture.mean.dtype)
    (total, _), _ = jax.lax.scan(add, (zero, zero), rows)
    return total / jnp.sum(rows.weight)


def _pass(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks) -> tuple[Any, Moments]:
    """The mean log-likelihood, and the moments of all rows."""
    prepared = covariance.prepared(mixture)

    def of_chunk(chunk: Chunks) -> Any:
        joint, kept = covariance.log_joint(prepared, chunk.x)
        log_density = jax.nn.logsumexp(joint, axis=0)
        shares = chunk.weight * jnp.exp(joint - log_density)
        return jnp.sum(chunk.weight * log_density), covariance.moments(shares, chunk.x, kept)

    def add(carry: Any, chunk: Chunks) -> Any:
        return _added(carry, of_chunk(chunk)), None

    shapes = jax.eval_shape(of_chunk, jax.tree.map(lambda array: array[0], rows))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    ((value, moments), _), _ = jax.lax.scan(add, (zeros, zeros), rows)
    return value / jnp.sum(rows.weight), moments


def _added(carry: tuple[Tree, Tree], new: Tree) -> tuple[Tree, Tree]:
    """A running sum with what rounding has left out so far (Kahan), for millions of rows in single precision."""
    total, lost = carry
    corrected = jax.tree.map(lambda a, b: a - b, new, lost)
    sums = jax.tree.map(lambda a, b: a + b, total, corrected)
    return sums, jax.tree.map(lambda s, t, c: (s - t) - c, sums, total, corrected)
