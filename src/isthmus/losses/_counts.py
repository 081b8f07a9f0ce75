"""What the likelihoods of counts share: which counts they take, their rates, draws, and factorials without their large terms."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._types import Key
from isthmus.errors import DataError

from ._base import AbstractLoss, check_domain

__all__ = ["HIGHEST_LOG_RATE", "MANY", "check_counts", "draw_counts", "excess", "log_rates", "lowest_cost", "rates", "stirling_rest"]

# A column that was always zero has an infinite log-rate. At one in a million a zero costs as many nats, and a first one costs 14.
_LOWEST_RATE = 1e-6
# The highest rate, 1e13, is more than float32 can count, and its square is finite there.
HIGHEST_LOG_RATE = 30.0
# From here on Stirling's series to its third term is exact to 3e-10.
MANY = 8.0
# Draws are of 32-bit integers. Beyond this rate a Poisson variable is normal to within a thousandth of its standard deviation.
_NEARLY_NORMAL = 1e8


def check_counts(loss: AbstractLoss, rows: np.ndarray) -> None:
    """Refuse rows below zero and counts beyond the highest rate."""
    check_domain(loss, rows)
    if rows.size and float(rows.max()) > math.exp(HIGHEST_LOG_RATE):
        raise DataError(
            f"The loss {loss!r} takes counts up to {math.exp(HIGHEST_LOG_RATE):.1g}; got values up to {float(rows.max()):.6g}. "
            "Give them in a larger unit, such as thousands; or choose another loss, such as 'squared_error'."
        )


def rates(log_rate: Array) -> Array:
    """The rates that raw outputs stand for."""
    return jnp.exp(jnp.minimum(log_rate, HIGHEST_LOG_RATE))


def log_rates(rate: np.ndarray) -> np.ndarray:
    """The raw outputs that stand for rates; finite for zero."""
    return np.log(np.maximum(rate, _LOWEST_RATE))


def draw_counts(rate: Array, *, key: Key) -> Array:
    """A Poisson variable for each rate."""
    few_key, many_key = jax.random.split(key)
    few = jax.random.poisson(few_key, jnp.minimum(rate, _NEARLY_NORMAL)).astype(rate.dtype)
    many = jnp.round(rate + jnp.sqrt(rate) * jax.random.normal(many_key, rate.shape, rate.dtype))
    return jnp.where(rate < _NEARLY_NORMAL, few, many)


def excess(log_ratio: Array) -> Array:
    """`exp(d) - 1 - d`, never negative: what a rate `exp(d)` times too high costs, for each count, more than the right one."""
    return jnp.expm1(log_ratio) - log_ratio


def stirling_rest(many: Array) -> Array:
    """What Stirling's formula leaves of `log gamma(z)`: `log gamma(z) - (z - 1/2) log z + z - log(2 pi) / 2`, for `z` of 8 and more."""
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * many * many)) / (many * many)) / many


def lowest_cost(many: Any) -> Any:
    """What a count of 8 and more costs at a rate equal to it."""
    return 0.5 * jnp.log(2.0 * math.pi * many) + stirling_rest(many)
