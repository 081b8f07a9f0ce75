"""Counts whose rate is drawn from a gamma distribution, as functions of the logarithms of mean and inverse dispersion."""

import math
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus._types import Key, Tree

from ._counts import MANY, draw_counts, excess, lowest_cost, rates, stirling_rest
from ._spread import free_spread, softly_between

__all__ = ["Dispersion", "cost_of_counts", "draw_overdispersed", "log_dispersion"]

Dispersion: TypeAlias = Literal["per_feature", "shared", "per_value"]

# Of the inverse dispersion. Below the first nearly every count is zero, whatever the mean; beyond the second the variance of a mean of
# 1e4 exceeds Poisson's by two hundred-thousandths.
_LOWEST, _HIGHEST = -10.0, 20.0


def log_dispersion(dispersion: str, weights: Tree, outputs: Any) -> Any:
    """The logarithm of the inverse dispersion, which is learned; `outputs` are two blocks where it comes with each value."""
    return softly_between(free_spread(dispersion, weights, outputs), _LOWEST, _HIGHEST)


def cost_of_counts(log_mean: Array, log_theta: Any, x: Array) -> Array:
    """What each count costs, in nats.

    With `n = theta + x`, and the shares that `theta` and the mean have of their sum, the cost is `n` times a divergence between two
    coins, and what is left of the gamma functions. The divergence is a sum of `count (exp(d) - 1 - d)`, `d` being the logarithm of what the
    count should be over what it is: both terms are positive and small when the mean is right, however large the counts.
    """
    x = jnp.maximum(x, 0.0)  # what rounding left of a zero that was scaled and scaled back
    theta, odds = jnp.exp(log_theta), log_mean - log_theta
    off_theta = jnp.log1p(x / theta) - jax.nn.softplus(odds)
    # Of few counts, down to none, the logarithm is not taken.
    few = x * (1.0 + jax.nn.softplus(-odds) - jnp.log(theta + x)) + jax.lax.lgamma(x + 1.0) - theta * off_theta
    many = jnp.maximum(x, MANY)
    off_count = jnp.log1p(theta / many) - jax.nn.softplus(-odds)
    most = theta * excess(off_theta) + many * excess(off_count) + lowest_cost(many)
    return jnp.where(x < MANY, few, most) + _gamma_rest(theta) - _gamma_rest(theta + x)


def draw_overdispersed(log_mean: Array, log_theta: Any, *, key: Key) -> Array:
    """A count for each mean."""
    rate_key, count_key = jax.random.split(key)
    theta = jnp.broadcast_to(jnp.exp(log_theta), log_mean.shape)
    factor = jax.random.gamma(rate_key, theta, dtype=log_mean.dtype) / theta
    return draw_counts(rates(log_mean) * factor, key=count_key)


def _gamma_rest(z: Array) -> Array:
    """`log gamma(z) - z log z + z - log(2 pi) / 2`."""
    few, many = jnp.minimum(z, MANY), jnp.maximum(z, MANY)
    exact = jax.lax.lgamma(few) - few * jnp.log(few) + few - 0.5 * math.log(2.0 * math.pi)
    return jnp.where(z < MANY, exact, stirling_rest(many) - 0.5 * jnp.log(many))
