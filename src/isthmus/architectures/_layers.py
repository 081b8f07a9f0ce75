"""Affine maps in a row: what the dense networks are made of."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isthmus._activations import Activation, activate
from isthmus._numerics import product
from isthmus._types import Key, Shape, Tree
from isthmus.initializers import AbstractInitializer, FanScaled

from ._base import AbstractArchitecture, Stage

__all__ = [
    "Layer",
    "Network",
    "chosen_widths",
    "drawn_layer",
    "drawn_network",
    "dropped",
    "level_shapes",
    "network_value",
    "paired_stages",
    "with_output_bias",
]


class Layer(eqx.Module):
    """An affine map, and the gain and shift of the normalization behind it where there is one."""

    weight: Any
    bias: Any
    gain: Any = None
    shift: Any = None


class Network(eqx.Module):
    """Affine maps in a row, the last one bare, beside an optional linear path from end to end."""

    layers: tuple[Layer, ...]
    path: Any
    out_shape: Shape = eqx.field(static=True)


def chosen_widths(n_features: int) -> tuple[int, int]:
    """The widths of two hidden layers for data of that many features, when the user has not chosen any."""
    width = 2 ** min(9, max(5, math.ceil(math.log2(n_features)) + 1))
    return width, width // 2


def drawn_layer(
    fan_in: int, fan_out: int, activation: Activation, *, initializer: AbstractInitializer | None, rng: np.random.Generator
) -> Layer:
    """An affine map with random weights before `activation`, and without a bias; `FanScaled` draws them when nobody else is to."""
    weight = (FanScaled() if initializer is None else initializer)(fan_in, fan_out, activation, rng=rng)
    return Layer(weight, np.zeros(fan_out, np.float32))


def drawn_network(
    sizes: tuple[int, ...], out_shape: Shape, activation: Activation, *, initializer: AbstractInitializer | None, rng: np.random.Generator
) -> Network:
    """Affine maps from each of `sizes` to the next, with random weights."""
    *hidden, last = itertools.pairwise(sizes)
    layers = [drawn_layer(*fans, activation, initializer=initializer, rng=rng) for fans in hidden]
    return Network((*layers, drawn_layer(*last, "identity", initializer=initializer, rng=rng)), None, tuple(out_shape))


def network_value(network: Network, x: Any, activation: Activation, *, dropout: Any, precision: str, key: Key | None) -> Any:
    """The network's value for one example; `key` is None outside training."""
    flat = values = jnp.ravel(x)
    *hidden_layers, last = network.layers
    for index, layer in enumerate(hidden_layers):
        values = product(values, layer.weight, precision) + layer.bias
        if layer.gain is not None:
            values = jax.nn.standardize(values, epsilon=1e-5) * layer.gain + layer.shift
        values = dropped(activate(activation, values), dropout, index, key=key)
    outputs = product(values, last.weight, precision) + last.bias
    if network.path is not None:
        outputs = outputs + product(flat, network.path, precision)
    return jnp.reshape(outputs, network.out_shape)


def dropped(values: Any, rate: Any, index: int, *, key: Key | None) -> Any:
    """The values of hidden layer number `index` with a share of them silenced in training, the others scaled up."""
    if rate is None or key is None:
        return values
    keep = jax.random.bernoulli(jax.random.fold_in(key, index), 1.0 - rate, values.shape)
    return jnp.where(keep, values / (1.0 - rate), 0.0)


def with_output_bias(network: Network, bias: np.ndarray) -> Network:
    """The network with the bias of its last layer at `bias`."""
    return eqx.tree_at(lambda net: net.layers[-1].bias, network, np.asarray(bias, np.float32).reshape(-1))


def level_shapes(encoder: Network, data_shape: Shape) -> list[Shape]:
    """The shapes of the data, of each hidden layer's values and of the encoder's output."""
    return [data_shape, *(np.shape(layer.bias) for layer in encoder.layers[:-1]), encoder.out_shape]


def paired_stages(bare: AbstractArchitecture, encoder: Network, back: Sequence[Tree], activation: Activation) -> tuple[Stage, ...]:
    """Each layer of an encoder with the one that leads back from its values.

    Args:
        bare: applies one affine map each way.
        encoder: the layers, from the data up.
        back: for each of them the network back, in the same order.
        activation: of the hidden layers.
    """
    shapes = level_shapes(encoder, ())[1:]
    activations = [*[activation] * (len(shapes) - 1), None]
    return tuple(
        Stage(bare, Network((layer,), None, shape), own, math.prod(shape), activation)
        for layer, shape, own, activation in zip(encoder.layers, shapes, back, activations, strict=True)
    )
