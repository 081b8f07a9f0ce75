"""Invertible maps of vectors whose Jacobian is triangular, by masked networks; a prior and a posterior are made of them.

One map is `y_i = x_i exp(s_i) + m_i`, where the network that gives `s_i` and `m_i` sees only those `x_j` that come before `x_i` in an
order, and a context where there is one (MADE: Germain et al. 2015, arXiv:1502.03509). Its log-determinant is the sum of the `s_i`. The
next map has the reversed order. From `x` to `y` it is one pass through each network; the way back takes as many as there are dimensions.

The masks are constants that follow from the shapes, and no weights. Hidden layers are `tanh`, so that shifts are bounded, and `s_i` is kept
within 4: a chain of maps has finite values wherever it is looked at. Last layers begin at zero: every chain begins as the identity.
"""

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._activations import fan_scale

__all__ = ["Maps", "drawn_maps"]

_MOST_LOG_SCALE = 4.0


class _Layer(NamedTuple):
    """One layer of a masked network; `weight` has values where its mask is zero, too, which nothing reads."""

    weight: Any
    bias: Any


class Maps(NamedTuple):
    """A chain of maps: all that is learned.

    Attributes:
        networks: the layers of the network of each map.
        context: for each network the weights (n_context, first width) by which a context enters its first layer; None for none.
    """

    networks: tuple[tuple[_Layer, ...], ...]
    context: tuple[Any, ...] | None

    def passed(self, x: Any, context: Any = None) -> tuple[Any, Any]:
        """Vectors (..., n_dims) mapped, and the logarithms of their Jacobian determinants (...).

        Args:
            x: the vectors.
            context: (..., n_context), broadcast against them; None for none.
        """
        log_det = jnp.zeros(x.shape[:-1])
        for index in range(len(self.networks)):
            shift, log_scale = self._parameters(index, x, context)
            x, log_det = x * jnp.exp(log_scale) + shift, log_det + jnp.sum(log_scale, axis=-1)
        return x, log_det

    def inverse(self, y: Any, context: Any = None) -> Any:
        """The vectors that are mapped to `y`.

        Args:
            y: (..., n_dims).
            context: as for `passed`.
        """
        for index in reversed(range(len(self.networks))):
            y = self._inverse(index, y, context)
        return y

    def _inverse(self, index: int, y: Any, context: Any) -> Any:
        def settle(_: Any, x: Any) -> Any:
            # Each round at least one more dimension, in the map's order, comes to its value and stays there.
            shift, log_scale = self._parameters(index, x, context)
            return (y - shift) * jnp.exp(-log_scale)

        return jax.lax.fori_loop(0, y.shape[-1], settle, y)

    def _parameters(self, index: int, x: Any, context: Any) -> tuple[Any, Any]:
        """Shifts and logarithms of scales."""
        layers = self.networks[index]
        widths = tuple(jnp.shape(layer.bias)[0] for layer in layers[:-1])
        has_context = self.context is not None
        values = x
        for number, (layer, mask) in enumerate(zip(layers, _masks(x.shape[-1], widths, has_context, index % 2 == 1), strict=True)):
            values = _product(values if number == 0 else jnp.tanh(values), layer.weight * mask) + layer.bias
            if number == 0 and self.context is not None:
                values = values + _product(context, self.context[index])
        shift, raw = jnp.split(values, 2, axis=-1)
        return shift, _MOST_LOG_SCALE * jnp.tanh(raw / _MOST_LOG_SCALE)


def drawn_maps(n_maps: int, n_dims: int, n_context: int, widths: tuple[int, ...], *, rng: np.random.Generator) -> Maps:
    """A chain of `n_maps` maps that begins as the identity.

    Args:
        n_maps: how many there are.
        n_dims: dimensions of the vectors.
        n_context: numbers of the context; 0 for none.
        widths: of the hidden layers of each network.
        rng: the source of all random numbers.
    """
    sizes = (n_dims, *widths, 2 * n_dims)

    def uniform(n_in: int, n_out: int) -> np.ndarray:
        limit = fan_scale("tanh", n_in, n_out)
        return rng.uniform(-limit, limit, (n_in, n_out)).astype(np.float32)

    def network() -> tuple[_Layer, ...]:
        hidden = [_Layer(uniform(*pair), np.zeros(pair[1], np.float32)) for pair in itertools.pairwise(sizes[:-1])]
        return (*hidden, _Layer(np.zeros(sizes[-2:], np.float32), np.zeros(sizes[-1], np.float32)))

    def context_weights() -> np.ndarray:
        return uniform(n_context, sizes[1]) if widths else np.zeros((n_context, sizes[1]), np.float32)

    networks = tuple(network() for _ in range(n_maps))
    return Maps(networks, tuple(context_weights() for _ in range(n_maps)) if n_context else None)


def _product(values: Any, weights: Any) -> Any:
    # A density is the exponential of a sum: products rounded to fewer digits, as accelerators do unasked, would show.
    return jnp.matmul(values, weights, precision="highest")


@functools.cache
def _masks(n_dims: int, widths: tuple[int, ...], has_context: bool, is_reversed: bool) -> tuple[np.ndarray, ...]:
    """For each layer 1 where an input may reach an output, else 0.

    A unit's degree is the number of dimensions it may know of. Without a context a unit that knows of none would be a constant.
    """
    order = np.arange(n_dims)[::-1] if is_reversed else np.arange(n_dims)
    low = 0 if has_context else min(1, n_dims - 1)
    degrees = [order + 1, *(low + np.arange(width) * (n_dims - low) // width for width in widths), np.tile(order, 2)]
    return tuple((above[None, :] >= below[:, None]).astype(np.float32) for below, above in itertools.pairwise(degrees))
