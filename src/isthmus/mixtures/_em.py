"""Expectation and maximization, compiled: any number of iterations, some rows at a time.

```
iteration     for each chunk of rows: densities ── shares ── moments, added up        the shares of all rows are never there at once
              from all moments: weights, means, spreads
```
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from isthmus._types import Tree

from ._base import AbstractCovariance, Mixture, Moments, Prior
from ._missing import conditional_moments, observed_joint

__all__ = [
    "NOTHING_FIXED",
    "Chunks",
    "Fixed",
    "Limits",
    "Run",
    "calm_iterations",
    "expectation",
    "holds_spread",
    "maximized",
    "mean_log_likelihood",
    "moments_of_labels",
    "run_em",
    "spread_where",
    "stepping",
    "total_log_likelihood",
    "valued",
    "whole_moments",
]


class Chunks(NamedTuple):
    """Rows, transposed and in chunks of one size.

    Attributes:
        x: (chunks, dims, rows), scaled; any finite number where a value is missing.
        weight: (chunks, rows), what each row counts; zero for padding.
        observed: (chunks, dims), ones for the dimensions that all rows of a chunk have and zeros for the others; None where none is
            missing.
    """

    x: Any
    weight: Any
    observed: Any = None


class Limits(NamedTuple):
    """When to stop.

    Attributes:
        tol: the gain of the mean log-likelihood (with the prior's share), in nats a row, below which an iteration is the last; in single
            precision the second of two in a row, since one may gain little by rounding.
        max_iter: iterations at most.
    """

    tol: Any
    max_iter: Any


class Fixed(NamedTuple):
    """What maximizations leave as it is.

    Attributes:
        weight: (components,), whose weights.
        mean: (components,), whose means.
        spread: (components,), whose spreads; all or none of a shared one.
    """

    weight: Any
    mean: Any
    spread: Any


NOTHING_FIXED = Fixed(False, False, False)


class Run(NamedTuple):
    """Where a run ended.

    Attributes:
        mixture: after the last maximization.
        value: what was maximized, of that mixture: the mean log-likelihood and the prior's share, in nats a row.
        n_iter: how many iterations it took; with acceleration, passes over the rows.
        converged: whether the last one gained less than the tolerance.
    """

    mixture: Mixture
    value: Any
    n_iter: Any
    converged: Any


def run_em(
    covariance: AbstractCovariance,
    mixture: Mixture,
    rows: Chunks,
    limits: Limits,
    prior: Prior,
    fixed: Fixed = NOTHING_FIXED,
    *,
    accelerated: bool = False,
) -> Run:
    """Iterations from `mixture` on, until they gain too little.

    Args:
        covariance: the structure.
        mixture: where to start.
        rows: of which the likelihood is to rise.
        limits: when to stop.
        prior: what is believed of the covariances.
        fixed: what is not to move.
        accelerated: whether to extrapolate after every two iterations (SQUAREM, Varadhan & Roland, Simple and globally convergent methods
            for accelerating the convergence of any EM algorithm, Scandinavian Journal of Statistics 35, 2008, its third step length),
            along numbers that may take any value. A step that would lower the value is not taken.
    """

    def iterated(mixture: Mixture) -> tuple[Mixture, Any]:
        total, moments = expectation(covariance, mixture, rows)
        return maximized(covariance, moments, mixture, prior, fixed), valued(covariance, mixture, rows, total, prior)

    step, passes = stepping(covariance, iterated, fixed, accelerated=accelerated)

    def unfinished(carry: Any) -> Any:
        _, _, n_iter, n_calm = carry
        return (n_iter < limits.max_iter) & (n_calm < needed)

    def iterate(carry: Any) -> Any:
        mixture, before, n_iter, n_calm = carry
        mixture, value = step(mixture)
        return mixture, value, n_iter + passes, jnp.where(jnp.abs(value - before) < limits.tol, n_calm + 1, 0)

    needed = calm_iterations(mixture.mean.dtype)
    start = (mixture, jnp.full((), -jnp.inf, mixture.mean.dtype), jnp.int32(0), jnp.int32(0))
    mixture, _, n_iter, n_calm = jax.lax.while_loop(unfinished, iterate, start)
    value = valued(covariance, mixture, rows, total_log_likelihood(covariance, mixture, rows), prior)
    return Run(mixture, value, n_iter, n_calm >= needed)


def calm_iterations(dtype: Any) -> int:
    """How many iterations in a row must gain too little for a run to end; values of float32 carry noise of about a usual tolerance."""
    return 1 if jnp.finfo(dtype).bits > 32 else 2


def stepping(
    covariance: AbstractCovariance, iterated: Callable[[Mixture], tuple[Mixture, Any]], fixed: Fixed, *, accelerated: bool
) -> tuple[Callable[[Mixture], tuple[Mixture, Any]], int]:
    """One iteration or, accelerated, two and one from where they point to; and how many passes over the rows that takes.

    Args:
        covariance: the structure.
        iterated: gives the next mixture, and the value of the one before.
        fixed: what is not to move.
        accelerated: whether to extrapolate.
    """

    def three(mixture: Mixture) -> tuple[Mixture, Any]:
        first, _ = iterated(mixture)
        second, value = iterated(first)
        third, far = iterated(_extrapolated(covariance, (mixture, first, second), fixed))
        usable = far >= value
        return jax.tree.map(functools.partial(jnp.where, usable), third, second), jnp.where(usable, far, value)

    return (three, 3) if accelerated else (iterated, 1)


def valued(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks, total: Any, prior: Prior) -> Any:
    """What is maximized: the mean log-likelihood, given its sum over rows, and the prior's share."""
    return (total + prior.rows * covariance.log_prior(mixture.spread, mixture.mean.shape[1])) / jnp.sum(rows.weight)


def maximized(covariance: AbstractCovariance, moments: Moments, before: Mixture, prior: Prior, fixed: Fixed = NOTHING_FIXED) -> Mixture:
    """The mixture of most expected likelihood; a component that has lost its rows stays where it was, at next to no weight.

    Args:
        covariance: the structure.
        moments: of all rows, shared out.
        before: the mixture that shared them out.
        prior: what is believed of the covariances.
        fixed: what is not to move.
    """
    tiny = jnp.finfo(before.mean.dtype).eps
    total = jnp.sum(moments.count)
    alive = moments.count > 10.0 * tiny * total
    count = jnp.where(alive, moments.count, total)
    mean = jnp.where((alive & ~jnp.asarray(fixed.mean))[:, None], moments.first / count[:, None], before.mean)
    new = covariance.spread(moments if covariance.is_shared else moments._replace(count=count), mean, before.spread, prior)
    sound = functools.reduce(jnp.logical_and, (_of_components(covariance, jnp.isfinite(leaf)) for leaf in jax.tree.leaves(new)))
    stays = ~sound | holds_spread(covariance, fixed)
    spread = spread_where(stays if covariance.is_shared else stays | ~alive, before.spread, new)
    return Mixture(_log_weights(moments.count / total, before.log_weight, jnp.asarray(fixed.weight), tiny), mean, spread)


def mean_log_likelihood(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks) -> Any:
    """Of a mixture, in nats a row; of the values that are there."""
    return total_log_likelihood(covariance, mixture, rows) / jnp.sum(rows.weight)


def expectation(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks) -> tuple[Any, Moments]:
    """The log-likelihood of all rows, and their moments."""
    if rows.observed is not None:
        total, moments = whole_moments(covariance, mixture, rows)
        return total, moments._replace(second=covariance.reduced(moments.second, mixture.spread))
    prepared = covariance.prepared(mixture)

    def of_chunk(chunk: Chunks) -> Any:
        joint, kept = covariance.log_joint(prepared, chunk.x)
        log_density = jax.nn.logsumexp(joint, axis=0)
        shares = chunk.weight * jnp.exp(joint - log_density)
        return jnp.sum(chunk.weight * log_density), covariance.moments(shares, chunk.x, kept)

    return _summed(of_chunk, rows)


def moments_of_labels(covariance: AbstractCovariance, labels: Any, rows: Chunks, before: Mixture) -> Moments:
    """The moments of rows that each belong to one component.

    Args:
        covariance: the structure.
        labels: (chunks, rows), numbers of components.
        rows: without missing values.
        before: the mixture that the structure's form of second moments may depend on.
    """
    prepared, n_components = covariance.prepared(before), before.mean.shape[0]

    def of_chunk(chunk: tuple[Any, Chunks]) -> Any:
        own, rows = chunk
        _, kept = covariance.log_joint(prepared, rows.x)
        return covariance.moments(rows.weight * jax.nn.one_hot(own, n_components, dtype=rows.x.dtype, axis=0), rows.x, kept)

    return _summed(of_chunk, (labels, rows))


def whole_moments(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks) -> tuple[Any, Moments]:
    """As `expectation`, with whole matrices (components, dims, dims) as second moments, whatever the structure."""
    n_dims = mixture.mean.shape[1]
    matrices = covariance.covariances(mixture.spread, n_dims)

    def of_chunk(chunk: Chunks) -> Any:
        observed = jnp.ones(n_dims, chunk.x.dtype) if chunk.observed is None else chunk.observed
        log_density, _, moments = conditional_moments(mixture, matrices, chunk.x, chunk.weight, observed)
        return jnp.sum(chunk.weight * log_density), moments

    return _summed(of_chunk, rows)


def total_log_likelihood(covariance: AbstractCovariance, mixture: Mixture, rows: Chunks) -> Any:
    """Of all rows, in nats. A gradient computes each chunk anew on its way back, so that it needs no more memory than the value."""
    if rows.observed is not None:
        matrices = covariance.covariances(mixture.spread, mixture.mean.shape[1])
        return _summed(
            jax.checkpoint(lambda chunk: jnp.sum(chunk.weight * observed_joint(mixture, matrices, chunk.x, chunk.observed)[0])), rows
        )
    prepared = covariance.prepared(mixture)
    return _summed(
        jax.checkpoint(lambda chunk: jnp.sum(chunk.weight * jax.nn.logsumexp(covariance.log_joint(prepared, chunk.x)[0], axis=0))), rows
    )


def _summed(of_chunk: Any, chunks: Tree) -> Tree:
    """What a function gives for each chunk, added up with what rounding has left out so far (Kahan), for millions of rows in float32."""

    def add(carry: tuple[Tree, Tree], chunk: Tree) -> tuple[tuple[Tree, Tree], None]:
        total, lost = carry
        corrected = jax.tree.map(lambda a, b: a - b, of_chunk(chunk), lost)
        sums = jax.tree.map(lambda a, b: a + b, total, corrected)
        return (sums, jax.tree.map(lambda s, t, c: (s - t) - c, sums, total, corrected)), None

    shapes = jax.eval_shape(of_chunk, jax.tree.map(lambda array: array[0], chunks))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    (total, _), _ = jax.lax.scan(add, (zeros, zeros), chunks)
    return total


def _log_weights(share: Any, before: Any, fixed: Any, tiny: Any) -> Any:
    """Logarithms of weights in proportion to shares, and of those that are held."""
    share = jnp.maximum(share, tiny)
    held = jnp.where(fixed, jnp.exp(before), 0.0)
    free = jnp.where(fixed, 0.0, share)
    left = jnp.maximum(1.0 - jnp.sum(held), tiny)
    return jnp.where(fixed, before, jnp.log(share * left / jnp.maximum(jnp.sum(free), tiny)))


def _of_components(covariance: AbstractCovariance, leaf: Any) -> Any:
    """Whether all of a component's numbers are true; of a shared spread, whether all are."""
    return jnp.all(leaf) if covariance.is_shared else jnp.all(leaf.reshape(leaf.shape[0], -1), axis=1)


def holds_spread(covariance: AbstractCovariance, fixed: Fixed) -> Any:
    """Whose spreads are held, (components,); whether that of all is, for a shared one."""
    return jnp.any(jnp.asarray(fixed.spread)) if covariance.is_shared else jnp.asarray(fixed.spread)


def spread_where(chosen: Any, a: Tree, b: Tree) -> Tree:
    """The spreads `a` of some components and `b` of the others."""
    return jax.tree.map(lambda own, other: jnp.where(jnp.expand_dims(chosen, tuple(range(chosen.ndim, own.ndim))), own, other), a, b)


def _extrapolated(covariance: AbstractCovariance, mixtures: tuple[Mixture, Mixture, Mixture], fixed: Fixed) -> Mixture:
    """Where the line through three mixtures leads; what is held stays as it is, to the last bit."""
    start = mixtures[0]
    zero, one, two = (mixture._replace(spread=covariance.unconstrained(mixture.spread)) for mixture in mixtures)
    rate = jax.tree.map(lambda a, b: b - a, zero, one)
    bend = jax.tree.map(lambda r, a, b: (b - a) - r, rate, one, two)
    lengths = [jnp.sum(jnp.stack([jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)])) for tree in (rate, bend)]
    alpha = -jnp.maximum(jnp.sqrt(lengths[0] / jnp.maximum(lengths[1], jnp.finfo(lengths[1].dtype).tiny)), 1.0)
    far = jax.tree.map(lambda z, r, v: z - 2.0 * alpha * r + jnp.square(alpha) * v, zero, rate, bend)
    tiny = jnp.finfo(start.mean.dtype).eps
    log_weight = _log_weights(jax.nn.softmax(far.log_weight), start.log_weight, jnp.asarray(fixed.weight), tiny)
    spread = spread_where(holds_spread(covariance, fixed), start.spread, covariance.constrained(far.spread))
    return Mixture(log_weight, far.mean, spread)
