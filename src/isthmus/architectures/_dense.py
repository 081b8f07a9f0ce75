import itertools
import math
from dataclasses import KW_ONLY
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isthmus._activations import Activation, activate, fan_scale
from isthmus._numerics import product
from isthmus._types import Fraction, Key, PositiveInt, Shape, Tree
from isthmus.errors import PartError

from ._base import AbstractArchitecture, RowSample
from ._principal import principal_start


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


class Dense(AbstractArchitecture):
    """Fully connected layers, the decoder mirroring the encoder.

    `h <- activation(W h + b)` for each hidden width, then a bare `W h + b`; with `linear_path` also `+ V x` from end to end.

    Two hidden layers with smooth units and a linear path are chosen when `hidden_dims` is None; the path then starts at the principal
    components and the rest at zero, so that training starts from PCA instead of from noise (Hardt & Ma 2017, arXiv:1611.04231,
    start residual networks at the identity for the same reason). Given `hidden_dims`, the network is just what they say.

    Attributes:
        hidden_dims: widths of the encoder's hidden layers; `()` for none, None for widths chosen from the data's shape.
        decoder_dims: widths of the decoder's hidden layers; None mirrors the encoder.
        activation: of the hidden layers; None for "relu", or "silu" in the network that is chosen when `hidden_dims` is None.
        dropout: the share of hidden units silenced at each training step, the others scaled up (Srivastava et al. 2014); None for none.
        layer_norm: whether each hidden layer is normalized over its units, before its activation (Ba et al. 2016, arXiv:1607.06450).
        linear_path: whether a linear map runs beside the layers; None for only when `hidden_dims` is None.

    Example:
        >>> from isthmus import Autoencoder
        >>> Autoencoder(latent_dim=2, architecture=Dense(hidden_dims=(16, 8), activation="tanh")).architecture.hidden_dims
        (16, 8)
    """

    hidden_dims: tuple[PositiveInt, ...] | None = None
    decoder_dims: tuple[PositiveInt, ...] | None = None
    activation: Activation | None = None
    _: KW_ONLY
    dropout: Fraction | None = None
    layer_norm: bool = False
    linear_path: bool | None = None

    def check(self) -> None:
        if self.hidden_dims is None and self.decoder_dims is not None:
            raise PartError(f"`decoder_dims`={self.decoder_dims!r} needs `hidden_dims`: give both, or neither.")

    @property
    def is_random(self) -> bool:
        return self.dropout is not None

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Network:
        return self._network(self._widths(math.prod(in_shape)), in_shape, out_shape, rng)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Network:
        mirrored = self._widths(math.prod(out_shape))[::-1]
        return self._network(mirrored if self.decoder_dims is None else self.decoder_dims, in_shape, out_shape, rng)

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        if encoder.path is not None:
            encoder, decoder = principal_start(encoder, decoder, rows()[0])
        return encoder, with_output_bias(decoder, output_mean)

    def __call__(self, network: Network, x: Any, *, precision: str, key: Key | None) -> Any:
        flat = values = jnp.ravel(x)
        *hidden_layers, last = network.layers
        for index, layer in enumerate(hidden_layers):
            values = product(values, layer.weight, precision) + layer.bias
            if layer.gain is not None:
                values = jax.nn.standardize(values, epsilon=1e-5) * layer.gain + layer.shift
            values = activate(self._activation, values)
            if self.dropout is not None and key is not None:
                keep = jax.random.bernoulli(jax.random.fold_in(key, index), 1.0 - self.dropout, values.shape)
                values = jnp.where(keep, values / (1.0 - self.dropout), 0.0)
        outputs = product(values, last.weight, precision) + last.bias
        if network.path is not None:
            outputs = outputs + product(flat, network.path, precision)
        return jnp.reshape(outputs, network.out_shape)

    @property
    def _activation(self) -> str:
        return self.activation or ("silu" if self.hidden_dims is None else "relu")

    def _widths(self, n_features: int) -> tuple[int, ...]:
        if self.hidden_dims is not None:
            return self.hidden_dims
        width = 2 ** min(9, max(5, math.ceil(math.log2(n_features)) + 1))
        return (width, width // 2)

    def _network(self, widths: tuple[int, ...], in_shape: Shape, out_shape: Shape, rng: np.random.Generator) -> Network:
        sizes = (math.prod(in_shape), *widths, math.prod(out_shape))
        last = len(sizes) - 2
        layers = []
        for index, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            half_width = fan_scale("identity" if index == last else self._activation, fan_in, fan_out)
            weight = rng.uniform(-half_width, half_width, (fan_in, fan_out)).astype(np.float32)
            normalized = self.layer_norm and index < last
            layers.append(
                Layer(
                    weight,
                    np.zeros(fan_out, np.float32),
                    np.ones(fan_out, np.float32) if normalized else None,
                    np.zeros(fan_out, np.float32) if normalized else None,
                )
            )
        has_path = self.hidden_dims is None if self.linear_path is None else self.linear_path
        path = np.zeros((sizes[0], sizes[-1]), np.float32) if has_path else None
        return Network(tuple(layers), path, tuple(out_shape))


def with_output_bias(network: Network, bias: np.ndarray) -> Network:
    """The network with the bias of its last layer at `bias`."""
    return eqx.tree_at(lambda net: net.layers[-1].bias, network, np.asarray(bias, np.float32).reshape(-1))
