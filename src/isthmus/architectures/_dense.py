import math
from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from isthmus._activations import Activation
from isthmus._types import Fraction, Key, PositiveInt, Shape, Tree
from isthmus.errors import PartError
from isthmus.initializers import AbstractInitializer

from ._base import AbstractArchitecture, RowSample, Stage
from ._layers import Layer, Network, chosen_widths, drawn_network, level_shapes, network_value, paired_stages, with_output_bias
from ._principal import principal_start


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
        initializer: draws the weights of the layers; None for `FanScaled`.

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
    initializer: AbstractInitializer | None = None

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
            encoder, decoder = principal_start(encoder, decoder, rows)
        return encoder, with_output_bias(decoder, output_mean)

    def stages(self, encoder: Network, decoder: Network) -> tuple[Stage, ...]:
        mirrored = self.decoder_dims is None or self.hidden_dims is None or self.decoder_dims == self.hidden_dims[::-1]
        for reason, applies in (
            ("a linear path beside its layers. Give `hidden_dims`, and leave `linear_path` None", encoder.path is not None),
            ("its layers normalized. Leave `layer_norm` False", self.layer_norm),
            ("`decoder_dims` that do not mirror `hidden_dims`. Leave them None", not mirrored),
        ):
            if applies:
                raise PartError(f"Pairs of layers cannot be trained one after another in {self!r}, which has {reason}.")
        shapes = level_shapes(encoder, decoder.out_shape)
        back = [Network((layer,), None, shape) for layer, shape in zip(decoder.layers[::-1], shapes, strict=False)]
        return paired_stages(Dense(hidden_dims=()), encoder, back, self._activation)

    def assembled(self, encoder: Network, decoder: Network, stages: Sequence[tuple[Tree, Tree]]) -> tuple[Network, Network]:
        into, back = (tuple(network.layers[0] for network in networks) for networks in zip(*stages, strict=True))
        return Network(into, encoder.path, encoder.out_shape), Network(back[::-1], decoder.path, decoder.out_shape)

    def __call__(self, network: Network, x: Any, *, precision: str, key: Key | None) -> Any:
        return network_value(network, x, self._activation, dropout=self.dropout, precision=precision, key=key)

    @property
    def _activation(self) -> Activation:
        return self.activation or ("silu" if self.hidden_dims is None else "relu")

    @property
    def _has_path(self) -> bool:
        return self.hidden_dims is None if self.linear_path is None else self.linear_path

    def _widths(self, n_features: int) -> tuple[int, ...]:
        return chosen_widths(n_features) if self.hidden_dims is None else self.hidden_dims

    def _network(self, widths: tuple[int, ...], in_shape: Shape, out_shape: Shape, rng: np.random.Generator) -> Network:
        sizes = (math.prod(in_shape), *widths, math.prod(out_shape))
        network = drawn_network(sizes, out_shape, self._activation, initializer=self.initializer, rng=rng)
        layers = tuple(_normalized(layer) for layer in network.layers[:-1]) if self.layer_norm else network.layers[:-1]
        path = np.zeros((sizes[0], sizes[-1]), np.float32) if self._has_path else None
        return Network((*layers, network.layers[-1]), path, network.out_shape)


def _normalized(layer: Layer) -> Layer:
    return Layer(layer.weight, layer.bias, np.ones_like(layer.bias), np.zeros_like(layer.bias))
