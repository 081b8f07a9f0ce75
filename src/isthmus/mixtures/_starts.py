"""Where expectation-maximization may begin: many beginnings, run for a while as one program.

```
rows, in one metric    far rows (k-means++) or any rows ── some steps of Lloyd's k-means ── labels
rows, as they are fitted    labels ── means and covariances ── a few iterations of EM ── log-likelihood of rows held out
```
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._base import AbstractCovariance, Mixture, Prior
from ._em import Chunks, Run, maximized, mean_log_likelihood, moments_of_labels, run_em

__all__ = ["Starts", "mixture_of_labels", "neutral_mixture", "run_starts", "seeded_labels"]


class Starts(NamedTuple):
    """How each of several starts is drawn.

    Attributes:
        chance: (starts, components), numbers from 0 to 1 that decide which rows are centers.
        uniform: (starts,), whether any row may be a center, and not the more likely the farther from the centers so far.
        n_steps: (starts,), of Lloyd's k-means.
    """

    chance: Any
    uniform: Any
    n_steps: Any


def seeded_labels(x: Any, weight: Any, n_components: int, start: Starts) -> Any:
    """The number of each row's cluster, (rows,), from k-means++ (Arthur & Vassilvitskii 2007) or random rows, and steps of k-means.

    Args:
        x: (rows, dims), in the metric that counts.
        weight: (rows,), what each row counts; rows of no weight are never a center.
        n_components: how many clusters.
        start: one start.
    """

    def add(carry: Any, number: Any) -> Any:
        nearest, centers, index = carry
        # At first all rows are infinitely far from the centers there are.
        chance = weight * jnp.where(start.uniform | jnp.isinf(nearest), (nearest > 0.0).astype(x.dtype), nearest)
        # Where fewer different rows than components are left, any row will do.
        ladder = jnp.cumsum(jnp.where(jnp.sum(chance) > 0.0, chance, weight))
        center = x[jnp.searchsorted(ladder, number * ladder[-1], side="right", method="compare_all").clip(0, x.shape[0] - 1)]
        return (jnp.minimum(nearest, jnp.sum(jnp.square(x - center), axis=1)), centers.at[index].set(center), index + 1), None

    nowhere = (jnp.full(x.shape[0], jnp.inf, x.dtype), jnp.zeros((n_components, x.shape[1]), x.dtype), jnp.int32(0))
    (_, centers, _), _ = jax.lax.scan(add, nowhere, start.chance)

    def step(_: Any, centers: Any) -> Any:
        own = jax.nn.one_hot(_labels(x, centers), n_components, dtype=x.dtype) * weight[:, None]
        count = jnp.sum(own, axis=0)
        return jnp.where(count[:, None] > 0.0, jnp.matmul(own.T, x, precision="highest") / jnp.maximum(count, 1.0)[:, None], centers)

    return _labels(x, jax.lax.fori_loop(0, start.n_steps, step, centers))


def mixture_of_labels(covariance: AbstractCovariance, labels: Any, rows: Chunks, n_components: int, prior: Prior) -> Mixture:
    """The mixture of rows that are told apart already.

    Args:
        covariance: the structure.
        labels: (chunks, rows), the number of each row's component.
        rows: without missing values.
        n_components: how many components.
        prior: what is believed of the covariances.
    """
    before = neutral_mixture(covariance, n_components, rows.x.shape[1], rows.x.dtype)
    return maximized(covariance, moments_of_labels(covariance, labels, rows, before), before, prior)


def neutral_mixture(covariance: AbstractCovariance, n_components: int, n_dims: int, dtype: Any) -> Mixture:
    """Components of the same weight, all around zero and of unit variance."""
    spread = jax.tree.map(lambda leaf: leaf.astype(dtype), covariance.neutral(n_components, n_dims))
    return Mixture(jnp.full(n_components, -jnp.log(n_components), dtype), jnp.zeros((n_components, n_dims), dtype), spread)


@functools.partial(jax.jit, static_argnames="n_components")
def run_starts(
    covariance: AbstractCovariance,
    n_components: int,
    view: Any,
    filled: Chunks,
    rows: Chunks,
    held: Chunks,
    starts: Starts,
    settings: Any,
) -> tuple[Run, Any]:
    """Short runs from several starts as one program, and the mean log-likelihood of rows held out, (starts,).

    Args:
        covariance: the structure.
        n_components: how many components.
        view: (rows, dims), the rows of `filled` in the metric in which centers are chosen.
        filled: the rows without missing values.
        rows: that are fitted.
        held: that judge.
        starts: one or more.
        settings: `Limits`, the `Prior` of the first covariances, and that of all others.
    """
    limits, first, prior = settings
    weight = filled.weight.reshape(-1)

    def from_start(start: Starts) -> tuple[Run, Any]:
        labels = seeded_labels(view, weight, n_components, start).reshape(filled.weight.shape)
        run = run_em(covariance, mixture_of_labels(covariance, labels, filled, n_components, first), rows, limits, prior)
        return run, mean_log_likelihood(covariance, run.mixture, held)

    return jax.vmap(from_start)(starts)


def _labels(x: Any, centers: Any) -> Any:
    """The nearest center of each row."""
    distance = jnp.sum(jnp.square(centers), axis=1) - 2.0 * jnp.matmul(x, centers.T, precision="highest")
    return jnp.argmin(distance, axis=1)
