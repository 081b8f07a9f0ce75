import math
from dataclasses import KW_ONLY
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isthmus._activations import Activation, activate
from isthmus._numerics import product
from isthmus._types import Fraction, Key, PositiveInt, Shape, Tree
from isthmus.initializers import AbstractInitializer

from ._base import AbstractArchitecture, RowSample
from ._layers import Layer, chosen_widths, drawn_layer, dropped


class Block(eqx.Module):
    """Two affine maps, and the gain and shift of the normalization before them where there is one."""

    first: Layer
    second: Layer
    gain: Any
    shift: Any


class Tower(eqx.Module):
    """An affine map into the blocks' width, the blocks, and an affine map out."""

    entry: Layer
    blocks: tuple[Block, ...]
    end: Layer
    out_shape: Shape = eqx.field(static=True)


class Residual(AbstractArchitecture):
    """Residual blocks of fully connected layers: each block adds to what it is given, and begins by adding nothing.

    `h = W_in x + b`, then `h <- h + W_2 activation(W_1 norm(h) + b_1) + b_2` for each block, then `W_out h + b`. `W_2` starts at zero, so
    that training begins at one affine map each way, however many blocks there are, and gradients reach the first of them undiminished.
    For three blocks and more, where plain layers get harder to train; with fewer `Dense` does as well. A block costs `2 width^2`
    multiplications a row and as many weights.

    Attributes:
        width: of the blocks; None for one chosen from the data's shape.
        n_blocks: how many there are in each half.
        activation: inside of the blocks.
        layer_norm: whether the input of each block is normalized over its units (Ba et al. 2016, arXiv:1607.06450).
        dropout: the share of a block's hidden units silenced at each training step, the others scaled up (Srivastava et al. 2014); None
            for none.
        initializer: draws all matrices but the blocks' second ones; None for `FanScaled`.

    References:
        He, Zhang, Ren & Sun, Identity Mappings in Deep Residual Networks, 2016, arXiv:1603.05027: the order of norm, map and activation.
        Gorishniy, Rubachev, Khrulkov & Babenko, Revisiting Deep Learning Models for Tabular Data, 2021, arXiv:2106.11959: such blocks of
        fully connected layers; there they are normalized over the batch, and once more before the end. Zhang, Dauphin & Ma, Fixup
        Initialization, 2019, arXiv:1901.09321: second maps that start at zero. Unlike there, first maps are not made smaller with
        depth, for the norm already bounds what a block adds.

    Example:
        >>> from isthmus import Autoencoder
        >>> Autoencoder(2, architecture=Residual(width=32, n_blocks=4)).get_params()["architecture__n_blocks"]
        4
    """

    width: PositiveInt | None = None
    n_blocks: PositiveInt = 2
    activation: Activation = "silu"
    _: KW_ONLY
    layer_norm: bool = True
    dropout: Fraction | None = None
    initializer: AbstractInitializer | None = None

    @property
    def is_random(self) -> bool:
        return self.dropout is not None

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Tower:
        return self._tower(math.prod(in_shape), in_shape, out_shape, rng)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Tower:
        return self._tower(math.prod(out_shape), in_shape, out_shape, rng)

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        bias = np.asarray(output_mean, np.float32).reshape(-1)
        return encoder, eqx.tree_at(lambda tower: tower.end.bias, decoder, bias)

    def __call__(self, network: Tower, x: Any, *, precision: str, key: Key | None) -> Any:
        values = _affine(network.entry, jnp.ravel(x), precision)
        for index, block in enumerate(network.blocks):
            branch = values
            if block.gain is not None:
                branch = jax.nn.standardize(branch, epsilon=1e-5) * block.gain + block.shift
            branch = activate(self.activation, _affine(block.first, branch, precision))
            values = values + _affine(block.second, dropped(branch, self.dropout, index, key=key), precision)
        return jnp.reshape(_affine(network.end, values, precision), network.out_shape)

    def _tower(self, n_features: int, in_shape: Shape, out_shape: Shape, rng: np.random.Generator) -> Tower:
        width = self.width or chosen_widths(n_features)[0]

        def drawn(fan_in: int, fan_out: int, activation: Activation) -> Layer:
            return drawn_layer(fan_in, fan_out, activation, initializer=self.initializer, rng=rng)

        entry = drawn(math.prod(in_shape), width, "identity")
        blocks = tuple(self._block(drawn(width, width, self.activation)) for _ in range(self.n_blocks))
        return Tower(entry, blocks, drawn(width, math.prod(out_shape), "identity"), tuple(out_shape))

    def _block(self, first: Layer) -> Block:
        second = Layer(np.zeros_like(first.weight), np.zeros_like(first.bias))
        normalized = (np.ones_like(first.bias), np.zeros_like(first.bias)) if self.layer_norm else (None, None)
        return Block(first, second, *normalized)


def _affine(layer: Layer, x: Any, precision: str) -> Any:
    return product(x, layer.weight, precision) + layer.bias
