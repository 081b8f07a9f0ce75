import itertools
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
from isthmus.errors import PartError
from isthmus.initializers import FanScaled

from ._base import AbstractArchitecture, RowSample
from ._layers import Layer, drawn_layer, dropped
from ._patches import Patches
from ._principal import principal_start

# The work grows with the square of the tokens; so many leave a picture its shapes, and a CPU its patience.
_MOST_TOKENS = 32
# How strong the positions are at first, beside tokens of variance one.
_POSITION_SCALE = 0.5


class Block(eqx.Module):
    """Attention among the tokens, then two affine maps of each, both behind a normalization with a gain."""

    attention_gain: Any
    into: Any
    out: Any
    gain: Any
    first: Layer
    second: Layer


class TransformerNetwork(eqx.Module):
    """An affine map to the tokens, whose bias holds their positions, blocks, and one from the tokens; perhaps a linear path beside."""

    entry: Layer
    blocks: tuple[Block, ...]
    gain: Any
    layers: tuple[Layer]
    path: Any
    out_shape: Shape = eqx.field(static=True)
    is_decoder: bool = eqx.field(static=True)


class Transformer(AbstractArchitecture):
    """Attention among the steps of a series, or the patches of an image, in both halves.

    A row is cut into patches, the tokens `t`; each becomes `width` numbers by an affine map and is told its position by a learned bias.
    Blocks follow, each with attention and a network of one hidden layer,

        t <- t + concat over heads of softmax(q k' / sqrt(d)) v  O         q, k, v = norm(t) W, d = width / n_heads
        t <- t + V activation(U norm(t) + b) + c                           norm(t) = gain * t / sqrt(mean of t^2)

    The code is an affine map of all tokens of the last block; the decoder's first tokens are an affine map of the code, and its last
    ones become patches by an affine map. The output bias has the shape of the whole row.

    For series and images whose distant parts belong together, and some thousand rows to learn it from. A row costs about
    `tokens width (4 width + 2 mlp_ratio width + 2 tokens)` multiplications a block: larger patches are the way to a faster fit. Training
    keeps `n_heads tokens^2` numbers a row and block, beside some `tokens width`.

    Attributes:
        width: numbers of a token.
        n_layers: blocks of each half.
        n_heads: how many ways of attention a block has; they share the width evenly.
        patch: steps of a patch along the leading axes of a row: `(4,)` cuts a series (time, features) into pieces of four steps, `(4, 4)`
            an image into squares; axes that are not divided are continued by zeros. None takes rows of one and two axes for series,
            others for images, and the smallest patches, equal along each axis, that are at most 32.
        mlp_ratio: units of a block's hidden layer, as a multiple of `width`.
        activation: of that layer.
        dropout: the share of values silenced at each training step in what attention and hidden layer add to the tokens, the others
            scaled up; None for none.
        linear_path: whether a linear map of the whole row runs beside the network in both halves, which then starts at the principal
            components and the rest at zero; as in `Dense`.

    References:
        Vaswani et al., Attention Is All You Need, 2017, arXiv:1706.03762. Dosovitskiy et al., An Image is Worth 16x16 Words, 2021,
        arXiv:2010.11929: patches as tokens, with learned positions; its extra token is not needed here, since the code sees all tokens.
        Norms come first in each branch (Xiong et al. 2020, arXiv:2002.04745) and divide by the root mean square alone (Zhang & Sennrich
        2019, arXiv:1910.07467); maps of attention have no biases. The last matrix of each branch starts `sqrt(2 n_layers)` times smaller
        (Radford et al. 2019, Language Models are Unsupervised Multitask Learners). Hidden layers are twice as wide as tokens, not four
        times, for the sake of speed.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().images[:100]
        >>> architecture = Transformer(width=16, n_layers=1, n_heads=2, patch=(4, 4))
        >>> autoencoder = Autoencoder(2, architecture=architecture, max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.reconstruct(X).shape
        (100, 8, 8)
    """

    width: PositiveInt = 64
    n_layers: PositiveInt = 2
    n_heads: PositiveInt = 4
    patch: tuple[PositiveInt, ...] | None = None
    mlp_ratio: PositiveInt = 2
    activation: Activation = "gelu"
    dropout: Fraction | None = None
    _: KW_ONLY
    linear_path: bool = True

    def check(self) -> None:
        if self.width % self.n_heads:
            raise PartError(
                f"`n_heads`={self.n_heads!r} does not divide `width`={self.width!r}, which the heads share evenly. Choose a width of "
                f"{self.n_heads * math.ceil(self.width / self.n_heads)}, or another number of heads."
            )
        if self.patch == ():
            raise PartError("`patch`=() has no sizes. Give one for each axis that is cut, such as (4,) or (4, 4); or leave it None.")

    def check_parts(self, parts: Any) -> None:
        shape = parts.data_shape
        if self.patch is not None and len(self.patch) > len(shape):
            raise PartError(
                f"`patch`={self.patch!r} has {len(self.patch)} sizes, more than there are axes in rows of shape {shape}. Give at most "
                f"{len(shape)}, or pass `sample_shape` to the estimator if rows of another shape came as a flat table."
            )

    @property
    def is_random(self) -> bool:
        return self.dropout is not None

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> TransformerNetwork:
        patches, n_codes = self._patches(in_shape), math.prod(out_shape)
        weight = FanScaled()(patches.n_values, self.width, "identity", rng=rng)
        entry = Layer(weight, self._positions(patches, rng))
        last = drawn_layer(patches.n_patches * self.width, n_codes, "identity", initializer=None, rng=rng)
        return self._network(entry, last, in_shape, out_shape, is_decoder=False, rng=rng)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> TransformerNetwork:
        patches, n_codes = self._patches(out_shape), math.prod(in_shape)
        weights = [FanScaled()(n_codes, self.width, "identity", rng=rng) for _ in range(patches.n_patches)]
        entry = Layer(np.concatenate(weights, axis=1), self._positions(patches, rng))
        weight = FanScaled()(self.width, patches.n_values, "identity", rng=rng)
        last = Layer(weight, np.zeros(math.prod(out_shape), np.float32))
        return self._network(entry, last, in_shape, out_shape, is_decoder=True, rng=rng)

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        if self.linear_path:
            encoder, decoder = principal_start(encoder, decoder, rows)
        bias = np.asarray(output_mean, np.float32).reshape(-1)
        return encoder, eqx.tree_at(lambda net: net.layers[-1].bias, decoder, bias)

    def __call__(self, network: TransformerNetwork, x: Any, *, precision: str, key: Key | None) -> Any:
        entry, (last,), flat = network.entry, network.layers, jnp.ravel(x)
        if network.is_decoder:
            tokens = jnp.reshape(product(flat, entry.weight, precision), entry.bias.shape) + entry.bias
        else:
            tokens = product(self._patches(x.shape).cut(x), entry.weight, precision) + entry.bias
        for index, block in enumerate(network.blocks):
            tokens = tokens + dropped(self._attention(block, tokens, precision), self.dropout, 2 * index, key=key)
            tokens = tokens + dropped(self._hidden(block, tokens, precision), self.dropout, 2 * index + 1, key=key)
        tokens = _normalized(tokens, network.gain)
        if network.is_decoder:
            outputs = jnp.ravel(self._patches(network.out_shape).joined(product(tokens, last.weight, precision)))
        else:
            outputs = product(jnp.ravel(tokens), last.weight, precision)
        if network.path is not None:
            outputs = outputs + product(flat, network.path, precision)
        return jnp.reshape(outputs + last.bias, network.out_shape)

    def _attention(self, block: Block, tokens: Any, precision: str) -> Any:
        queries, keys, values = (
            jnp.transpose(jnp.reshape(part, (len(tokens), self.n_heads, -1)), (1, 0, 2))
            for part in jnp.split(product(_normalized(tokens, block.attention_gain), block.into, precision), 3, axis=1)
        )

        def head(queries: Any, keys: Any, values: Any) -> Any:
            scores = product(queries, keys.T, precision) / math.sqrt(self.width / self.n_heads)
            return product(jax.nn.softmax(scores), values, precision)

        seen = jnp.transpose(jax.vmap(head)(queries, keys, values), (1, 0, 2))
        return product(jnp.reshape(seen, tokens.shape), block.out, precision)

    def _hidden(self, block: Block, tokens: Any, precision: str) -> Any:
        hidden = product(_normalized(tokens, block.gain), block.first.weight, precision) + block.first.bias
        return product(activate(self.activation, hidden), block.second.weight, precision) + block.second.bias

    def _patches(self, shape: Shape) -> Patches:
        if self.patch is not None:
            return Patches(shape, self.patch)
        n_axes = 1 if len(shape) <= 2 else len(shape) - 1
        sizes = ((size,) * n_axes for size in itertools.count(1))
        return next(patches for patches in (Patches(shape, size) for size in sizes) if patches.n_patches <= _MOST_TOKENS)

    def _positions(self, patches: Patches, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(scale=_POSITION_SCALE, size=(patches.n_patches, self.width)).astype(np.float32)

    def _network(
        self, entry: Layer, last: Layer, in_shape: Shape, out_shape: Shape, *, is_decoder: bool, rng: np.random.Generator
    ) -> TransformerNetwork:
        blocks = tuple(self._block(rng) for _ in range(self.n_layers))
        path = np.zeros((math.prod(in_shape), math.prod(out_shape)), np.float32) if self.linear_path else None
        return TransformerNetwork(entry, blocks, np.ones(self.width, np.float32), (last,), path, tuple(out_shape), is_decoder)

    def _block(self, rng: np.random.Generator) -> Block:
        width, ones = self.width, np.ones(self.width, np.float32)
        small = FanScaled(scale=1.0 / math.sqrt(2 * self.n_layers))
        into = [FanScaled()(width, width, "identity", rng=rng) for _ in range(3)]
        return Block(
            ones,
            np.concatenate(into, axis=1),
            small(width, width, "identity", rng=rng),
            ones,
            drawn_layer(width, self.mlp_ratio * width, self.activation, initializer=None, rng=rng),
            drawn_layer(self.mlp_ratio * width, width, "identity", initializer=small, rng=rng),
        )


def _normalized(tokens: Any, gain: Any) -> Any:
    return gain * tokens * jax.lax.rsqrt(jnp.mean(jnp.square(tokens), axis=-1, keepdims=True) + 1e-5)
