"""What a likelihood has beside its location, such as a standard deviation: given, learned for all or for each feature, or decoded.

Where the decoder gives it for each value ("per_value"), raw outputs come in blocks along the last axis, the location first.
"""

from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Shape, Tree

__all__ = [
    "LOWEST_LOG_SPREAD",
    "Spread",
    "free_spread",
    "learned_spread",
    "location",
    "location_shape",
    "location_start",
    "log_spread",
    "softly_above",
    "softly_between",
    "spread_link",
    "with_blocks",
]

Spread: TypeAlias = Literal["fixed", "shared", "per_feature", "per_value"]

# Of spreads that are learned, in the unit of the scaled data: exp(-6) is 0.0025.
LOWEST_LOG_SPREAD = -6.0


def learned_spread(spread: str, shape: Shape) -> Tree:
    """The weights of a spread for data of `shape`: zero, one for all or one a feature; `()` where there are none."""
    if spread == "shared":
        return np.zeros((), np.float32)
    return np.zeros(shape, np.float32) if spread == "per_feature" else ()


def with_blocks(shape: Shape, n_blocks: int) -> Shape:
    """The shape of raw outputs that hold `n_blocks` numbers for each value of data of `shape`."""
    return (*shape[:-1], n_blocks * shape[-1])


def location_shape(spread: str, shape: Shape) -> Shape:
    """The shape of raw outputs that hold a location for each value, and its spread where the decoder gives that too."""
    return with_blocks(shape, 2) if spread == "per_value" else shape


def location(spread: str, outputs: Any) -> Any:
    """The location of each value: the first of two blocks of the outputs, or all of them."""
    return outputs[..., : outputs.shape[-1] // 2] if spread == "per_value" else outputs


def location_start(spread: str, start: np.ndarray) -> np.ndarray:
    """Raw outputs that begin at the location `start`, and at a free spread of zero."""
    return np.concatenate([start, np.zeros_like(start)], axis=-1) if spread == "per_value" else start


def free_spread(spread: str, weights: Tree, outputs: Any) -> Any:
    """The unbounded number that says how wide: the last of two blocks of the outputs, or the weights."""
    return outputs[..., outputs.shape[-1] // 2 :] if spread == "per_value" else weights


def log_spread(spread: str, given: Any, weights: Tree, outputs: Any) -> Any:
    """The logarithm of a spread, which is `given` where it is fixed and at least exp(-6) where it is learned."""
    return jnp.log(given) if spread == "fixed" else softly_above(free_spread(spread, weights, outputs), LOWEST_LOG_SPREAD)


def spread_link(spread: str) -> str:
    """The link of a likelihood whose raw outputs are its location, and perhaps a spread for each value."""
    return "location_and_log_spread" if spread == "per_value" else "identity"


def softly_above(free: Any, low: float) -> Any:
    """`free`, bent so that it stays above `low`; what is far above stays as it is (Rybkin et al. 2021, arXiv:2006.13202)."""
    return low + jax.nn.softplus(free - low)


def softly_between(free: Any, low: float, high: float) -> Any:
    """`free`, bent so that it stays between `low` and `high`, and near itself far from both."""
    return high - jax.nn.softplus(high - softly_above(free, low))
