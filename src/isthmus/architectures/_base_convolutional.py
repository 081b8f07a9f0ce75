import itertools
import math
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from isthmus._activations import Activation, activate
from isthmus._component import part_name
from isthmus._numerics import product
from isthmus._types import Key, PositiveInt, Shape, Tree
from isthmus.errors import PartError
from isthmus.initializers import AbstractInitializer

from ._base import AbstractArchitecture, RowSample
from ._convolutions import Window, convolved, spread
from ._layers import Layer, drawn_layer
from ._principal import principal_start


class ConvolutionalNetwork(eqx.Module):
    """Convolutions and affine maps in a row, the last layer bare, beside an optional linear path from end to end.

    An encoder has its convolutions first. A decoder has them last, transposed, and the last bias is one number for each output.
    Kernels are matrices, one row for each number that a position gives.
    """

    layers: tuple[Layer, ...]
    path: Any
    maps: tuple[Shape, ...] = eqx.field(static=True)
    out_shape: Shape = eqx.field(static=True)
    is_decoder: bool = eqx.field(static=True)


class AbstractConvolutional(AbstractArchitecture):
    """Convolutions along the first `n_axes` axes of a row; whatever axes follow are its channels."""

    n_axes: ClassVar[int]
    layouts: ClassVar[str]
    example_shape: ClassVar[Shape]

    channels: tuple[PositiveInt, ...] = (32, 64)
    kernel_size: PositiveInt = 3
    stride: PositiveInt = 2
    activation: Activation = "silu"
    _: KW_ONLY
    dense_dims: tuple[PositiveInt, ...] = ()
    linear_path: bool = True
    initializer: AbstractInitializer | None = None

    def check(self) -> None:
        if not self.channels:
            raise PartError("`channels`=() leaves no convolution. Give one number for each, such as (32, 64); or choose 'dense'.")

    def check_parts(self, parts: Any) -> None:
        shape, name, otherwise = parts.data_shape, part_name(type(self)), "or choose another architecture, such as 'dense'."
        if len(shape) not in (self.n_axes, self.n_axes + 1):
            raise PartError(
                f"The architecture {name!r} is for rows of shape {self.layouts}; got rows of shape {shape}. Pass `sample_shape`, such as "
                f"sample_shape={self.example_shape}, if a row is one laid flat; {otherwise}"
            )
        smallest = min(shape[: self.n_axes])
        if smallest < self.kernel_size:
            raise PartError(
                f"`kernel_size`={self.kernel_size!r} of {name!r} is larger than rows of shape {shape}, which would be seen from outside "
                f"only. Lower it to {smallest}, and `stride` with it if that is larger; {otherwise}"
            )
        # Here and not in `check`, so that the one can be set before the other.
        if self.stride > self.kernel_size:
            raise PartError(
                f"`stride`={self.stride!r} of {name!r} is larger than `kernel_size`={self.kernel_size!r}: of rows of shape {shape}, values "
                f"between two kernels would never be seen. Lower `stride` to {self.kernel_size}, or enlarge the kernel."
            )
        outputs = parts.loss.output_shape(shape)
        if outputs[: self.n_axes] != shape[: self.n_axes]:
            raise PartError(
                f"The loss {part_name(type(parts.loss))!r} wants outputs of shape {outputs} for rows of shape {shape}; {name!r} gives any "
                f"number of channels, but along the same axes. Choose another loss; {otherwise}"
            )

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> ConvolutionalNetwork:
        maps = self._maps(in_shape)
        layers = [self._convolution(before[-1], after[-1], rng) for before, after in itertools.pairwise(maps)]
        widths = (math.prod(maps[-1]), *self.dense_dims, math.prod(out_shape))
        dense = self._dense(widths, "identity", rng)
        return ConvolutionalNetwork((*layers, *dense), self._path(in_shape, out_shape), maps, tuple(out_shape), is_decoder=False)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> ConvolutionalNetwork:
        maps = self._maps(out_shape)[::-1]
        dense = self._dense((math.prod(in_shape), *self.dense_dims[::-1], math.prod(maps[0])), self.activation, rng)
        *hidden, (last, _) = itertools.pairwise(maps)
        layers = [self._transposed(before[-1], after[-1], self.activation, rng) for before, after in hidden]
        bare = self._transposed(last[-1], maps[-1][-1], "identity", rng)
        layers.append(Layer(bare.weight, np.zeros(math.prod(out_shape), np.float32)))
        return ConvolutionalNetwork((*dense, *layers), self._path(in_shape, out_shape), maps, tuple(out_shape), is_decoder=True)

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        if encoder.path is not None:
            encoder, decoder = principal_start(encoder, decoder, rows)
        bias = np.asarray(output_mean, np.float32).reshape(-1)
        return encoder, eqx.tree_at(lambda network: network.layers[-1].bias, decoder, bias)

    def __call__(self, network: ConvolutionalNetwork, x: Any, *, precision: str, key: Key | None) -> Any:
        outputs = (self._decoded if network.is_decoder else self._encoded)(network, x, precision)
        if network.path is not None:
            outputs = outputs + product(jnp.ravel(x), network.path, precision)
        return jnp.reshape(outputs, network.out_shape)

    @property
    def _window(self) -> Window:
        return Window(self.kernel_size, self.stride)

    def _encoded(self, network: ConvolutionalNetwork, x: Any, precision: str) -> Any:
        *layers, last = network.layers
        values = jnp.reshape(x, network.maps[0])
        for layer in layers[: len(self.channels)]:
            values = activate(self.activation, convolved(values, layer.weight, self._window, precision) + layer.bias)
        values = jnp.ravel(values)
        for layer in layers[len(self.channels) :]:
            values = activate(self.activation, product(values, layer.weight, precision) + layer.bias)
        return product(values, last.weight, precision) + last.bias

    def _decoded(self, network: ConvolutionalNetwork, x: Any, precision: str) -> Any:
        *layers, last = network.layers
        n_dense = len(network.layers) - len(self.channels)
        values = jnp.ravel(x)
        for layer in layers[:n_dense]:
            values = activate(self.activation, product(values, layer.weight, precision) + layer.bias)
        values = jnp.reshape(values, network.maps[0])
        for layer, (*sizes, _) in zip(layers[n_dense:], network.maps[1:-1], strict=True):
            values = activate(self.activation, spread(values, layer.weight, tuple(sizes), self._window, precision) + layer.bias)
        return jnp.ravel(spread(values, last.weight, network.maps[-1][:-1], self._window, precision)) + last.bias

    def _maps(self, shape: Shape) -> tuple[Shape, ...]:
        """The shape of a row with its channels in one axis, and of each feature map after it."""
        maps = [(*shape[: self.n_axes], math.prod(shape[self.n_axes :]))]
        for n_channels in self.channels:
            maps.append((*self._window.positions(maps[-1][:-1]), n_channels))
        return tuple(maps)

    def _convolution(self, n_in: int, n_out: int, rng: np.random.Generator) -> Layer:
        layer = self._drawn(self.kernel_size**self.n_axes * n_in, n_out, self.activation, rng)
        return Layer(np.ascontiguousarray(layer.weight.T), layer.bias)

    def _transposed(self, n_in: int, n_out: int, activation: Activation, rng: np.random.Generator) -> Layer:
        layer = self._drawn(n_in, self.kernel_size**self.n_axes * n_out, activation, rng)
        # So many positions reach each value that is spread to; their sum is to have the size of one.
        overlap = (self.kernel_size / self.stride) ** self.n_axes
        return Layer(np.ascontiguousarray(layer.weight.T / np.float32(math.sqrt(overlap))), np.zeros(n_out, np.float32))

    def _dense(self, widths: tuple[int, ...], last: Activation, rng: np.random.Generator) -> list[Layer]:
        *hidden, final = itertools.pairwise(widths)
        return [*(self._drawn(*fans, self.activation, rng) for fans in hidden), self._drawn(*final, last, rng)]

    def _drawn(self, fan_in: int, fan_out: int, activation: Activation, rng: np.random.Generator) -> Layer:
        return drawn_layer(fan_in, fan_out, activation, initializer=self.initializer, rng=rng)

    def _path(self, in_shape: Shape, out_shape: Shape) -> Any:
        return np.zeros((math.prod(in_shape), math.prod(out_shape)), np.float32) if self.linear_path else None
