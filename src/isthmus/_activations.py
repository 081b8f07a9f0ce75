"""Activations by name, and how wide the random weights before them should be."""

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isthmus.errors import PartError

__all__ = ["ACTIVATIONS", "Activation", "activate", "deactivate", "fan_scale"]

Activation: TypeAlias = Literal["clip", "elu", "gelu", "identity", "leaky_relu", "relu", "selu", "sigmoid", "silu", "softplus", "tanh"]
ACTIVATIONS: tuple[str, ...] = get_args(Activation)

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "clip": lambda x: jnp.clip(x, 0.0, 1.0),
    "elu": jax.nn.elu,
    "gelu": jax.nn.gelu,
    "identity": lambda x: x,
    "leaky_relu": jax.nn.leaky_relu,
    "relu": jax.nn.relu,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}


# Means beyond these lie where a saturating unit has no gradient left to come back with.
_NEARLY_ONE = 1.0 - 1e-4
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

_INVERSES: dict[str, Callable[[Any], Any]] = {
    "clip": lambda y: np.clip(y, 0.0, 1.0),
    "elu": lambda y: np.where(y > 0, y, np.log1p(np.maximum(y, -_NEARLY_ONE))),
    "gelu": lambda y: np.maximum(y, 0.0),
    "identity": lambda y: y,
    "leaky_relu": lambda y: np.where(y > 0, y, 100.0 * y),
    "relu": lambda y: np.maximum(y, 0.0),
    "selu": lambda y: np.where(y > 0, y / _SELU_SCALE, np.log1p(np.maximum(y / (_SELU_SCALE * _SELU_ALPHA), -_NEARLY_ONE))),
    "sigmoid": lambda y: 2.0 * np.arctanh(np.clip(2.0 * y - 1.0, -_NEARLY_ONE, _NEARLY_ONE)),
    "silu": lambda y: np.maximum(y, 0.0),
    "softplus": lambda y: np.where(y > 20.0, y, np.log(np.expm1(np.clip(y, 1e-4, 20.0)))),
    "tanh": lambda y: np.arctanh(np.clip(y, -_NEARLY_ONE, _NEARLY_ONE)),
}


def activate(name: str, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The activation called `name`, at each value of `x`.

    Example:
        >>> import jax.numpy as jnp
        >>> activate("relu", jnp.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    if name not in _FUNCTIONS:
        raise PartError(f"Unknown activation {name!r}. Choose one of: {', '.join(ACTIVATIONS)}.")
    return _FUNCTIONS[name](x)


def deactivate(name: str, y: np.ndarray) -> np.ndarray:
    """Where the activation called `name` reaches `y`: the bias at which an output begins at the mean of its data.

    `gelu` and `silu` have no inverse in closed form; the positive part of `y` is near it.

    Example:
        >>> deactivate("sigmoid", np.array([0.5])).tolist()
        [0.0]
    """
    return _INVERSES[name](np.asarray(y, np.float64))


def fan_scale(name: str, fan_in: int, fan_out: int) -> float:
    """The half-width `a` of U(-a, a) for weights before the activation called `name`.

    Rectifiers pass on half of the variance, so the weights carry twice as much, `a = sqrt(6 / fan_in)` (He et al. 2015,
    arXiv:1502.01852); SELU normalizes itself when they carry 1 / fan_in, `a = sqrt(3 / fan_in)` (Klambauer et al. 2017,
    arXiv:1706.02515); saturating and linear units compromise between both directions, `a = sqrt(6 / (fan_in + fan_out))` (Glorot
    & Bengio 2010). The papers that draw normal weights are followed in variance, not in shape.

    Example:
        >>> fan_scale("relu", 6, 100)
        1.0
    """
    if name == "selu":
        return math.sqrt(3.0 / fan_in)
    if name in ("relu", "leaky_relu", "elu", "gelu", "silu"):
        return math.sqrt(6.0 / fan_in)
    return math.sqrt(6.0 / (fan_in + fan_out))
