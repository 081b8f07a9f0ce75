import math
from dataclasses import KW_ONLY
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import product
from isthmus._types import Key, PositiveInt, Shape, Tree
from isthmus.initializers import FanScaled, Orthogonal

from ._base import AbstractArchitecture, RowSample
from ._cells import KINDS, Kind, State
from ._layers import Layer, drawn_layer
from ._principal import principal_start

# How far the biases of the decoder's steps lie apart at first: enough to tell one step from another, too little to close a gate.
_STEP_SCALE = 0.5


class Cell(eqx.Module):
    """One layer: its gates lie side by side in each array.

    The bias is one row for all steps, or a row for each.
    """

    inputs: Any
    recurrent: Any
    bias: Any


class RecurrentNetwork(eqx.Module):
    """One cell a layer, beside an optional linear path from end to end.

    An encoder has one affine map, from its last states to the code; a decoder has two, from the code to its first states and from each
    step's state to the outputs.
    """

    cells: tuple[Cell, ...]
    layers: tuple[Layer, ...]
    path: Any
    out_shape: Shape = eqx.field(static=True)
    is_decoder: bool = eqx.field(static=True)


class Recurrent(AbstractArchitecture):
    """A recurrent network reads a series step by step, and another one writes it from the code.

    For rows of shape (time, features), or (time,) with one feature; further axes are features too. A step of the GRU is

        r, z = sigmoid(x W + h U + b)        n = tanh(x W' + r * (h U') + b')        h <- n + z * (h - n)

    and one of the LSTM, with a memory `c` beside its state `h`, is

        i, f, o = sigmoid(x W + h U + b)     c <- f * c + i * tanh(x W' + h U' + b')     h <- o * tanh(c)

    The code is an affine map of the last states of all layers. The decoder's first states are an affine map of the code, which is also
    the input of every step, beside biases that each step has of its own; it writes the series from its end to its start, for the end
    is what the encoder remembers best. Each step's output is an affine map of its state; its bias has the shape of the whole series.

    For series in which the same motion may begin anywhere, such as waves of any phase and length, above all when rows are few: the same
    weights serve every step, so that they are fewer than those of `Dense` and learn from all steps of each row. For windows of a smooth
    signal, which are near to a few principal components, `Dense` is as good and many times faster. A row costs about
    `3 time hidden_size^2` multiplications in the first layer of each half and twice as many in the others (the LSTM a third more), one
    step after another, so that more cores help little; training keeps some ten numbers of each unit and step.

    Attributes:
        cell: "gru", or "lstm", which has a third more weights and remembers longer.
        hidden_size: units of each layer.
        n_layers: how many there are in each half.
        linear_path: whether a linear map of the whole series runs beside the network in both halves, which then starts at the
            principal components and the rest at zero. It helps where few components hold most of the variance, and hinders where
            they are far from the truth, as with waves of any phase.

    References:
        Srivastava, Mansimov & Salakhutdinov, Unsupervised Learning of Video Representations using LSTMs, 2015, arXiv:1502.04681: an
        encoder's state given to a decoder that writes in reverse. There the whole state is handed over, and the decoder sees no input
        or its own last output; here all goes through the code. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder,
        2014, arXiv:1406.1078: the GRU; as in cuDNN, its reset gate acts on the product with the state instead of on the state, so that
        a step is one product. Hochreiter & Schmidhuber, Long Short-Term Memory, 1997, with the forget gates of Gers, Schmidhuber &
        Cummins 2000, whose bias starts at 1 (Jozefowicz, Zaremba & Sutskever 2015). Recurrent weights start as rotations (Saxe et al.
        2014, arXiv:1312.6120).

    Example:
        >>> import numpy as np
        >>> from isthmus import Autoencoder
        >>> time = np.linspace(0, 6, 20)
        >>> X = np.sin(time + np.random.default_rng(0).uniform(0, 6, (60, 1)))[:, :, None]
        >>> autoencoder = Autoencoder(2, architecture=Recurrent(hidden_size=8), max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.reconstruct(X).shape
        (60, 20, 1)
    """

    cell: Literal["gru", "lstm"] = "gru"
    hidden_size: PositiveInt = 64
    n_layers: PositiveInt = 1
    _: KW_ONLY
    linear_path: bool = False

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> RecurrentNetwork:
        cells = self._cells(math.prod(in_shape[1:]), rng)
        last = drawn_layer(self._n_states * self.hidden_size, math.prod(out_shape), "identity", initializer=None, rng=rng)
        return self._network(cells, (last,), in_shape, out_shape, is_decoder=False)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> RecurrentNetwork:
        n_codes, n_features = math.prod(in_shape), math.prod(out_shape[1:])
        first, *others = self._cells(n_codes, rng)
        steps = first.bias + rng.normal(scale=_STEP_SCALE, size=(out_shape[0], first.bias.size))
        cells = (Cell(first.inputs, first.recurrent, steps.astype(np.float32)), *others)
        start = drawn_layer(n_codes, self._n_states * self.hidden_size, "identity", initializer=None, rng=rng)
        weight = drawn_layer(self.hidden_size, n_features, "identity", initializer=None, rng=rng).weight
        end = Layer(weight, np.zeros(math.prod(out_shape), np.float32))
        return self._network(cells, (start, end), in_shape, out_shape, is_decoder=True)

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        if self.linear_path:
            encoder, decoder = principal_start(encoder, decoder, rows)
        bias = np.asarray(output_mean, np.float32).reshape(-1)
        return encoder, eqx.tree_at(lambda net: net.layers[-1].bias, decoder, bias)

    def __call__(self, network: RecurrentNetwork, x: Any, *, precision: str, key: Key | None) -> Any:
        values = (self._written if network.is_decoder else self._read)(network, x, precision)
        if network.path is not None:
            values = values + product(jnp.ravel(x), network.path, precision)
        return jnp.reshape(values, network.out_shape)

    @property
    def _kind(self) -> Kind:
        return KINDS[self.cell]

    @property
    def _n_states(self) -> int:
        """How many arrays the states of all layers are."""
        return self.n_layers * self._kind.n_states

    def _read(self, network: RecurrentNetwork, x: Any, precision: str) -> Any:
        values, states = jnp.reshape(x, (x.shape[0], -1)), []
        at_rest = (jnp.zeros(self.hidden_size),) * self._kind.n_states
        for cell in network.cells:
            last, values = self._passed(cell, product(values, cell.inputs, precision) + cell.bias, at_rest, precision)
            states.extend(last)
        (layer,) = network.layers
        return product(jnp.concatenate(states), layer.weight, precision) + layer.bias

    def _written(self, network: RecurrentNetwork, x: Any, precision: str) -> Any:
        code, (start, end), (first, *others) = jnp.ravel(x), network.layers, network.cells
        arrays = jnp.split(product(code, start.weight, precision) + start.bias, self._n_states)
        states = [tuple(arrays[index :: self.n_layers]) for index in range(self.n_layers)]
        # What the code gives to every step is added inside the loop; written out for all steps it would cost more than the sums.
        shared = product(code, first.inputs, precision)
        _, values = self._passed(first, first.bias, states[0], precision, shared=shared, reverse=True)
        for cell, state in zip(others, states[1:], strict=True):
            _, values = self._passed(cell, product(values, cell.inputs, precision) + cell.bias, state, precision, reverse=True)
        return jnp.ravel(product(values, end.weight, precision)) + end.bias

    def _passed(
        self, cell: Cell, inputs: Any, state: State, precision: str, *, shared: Any = None, reverse: bool = False
    ) -> tuple[State, Any]:
        """The last state, and the hidden values of all steps; `inputs` are those of each step's gates, `shared` those of all."""

        def step(state: State, inputs: Any) -> tuple[State, Any]:
            inputs = inputs if shared is None else inputs + shared
            state = self._kind.step(inputs, product(state[0], cell.recurrent, precision), state)
            return state, state[0]

        return jax.lax.scan(step, state, inputs, reverse=reverse)

    def _cells(self, n_inputs: int, rng: np.random.Generator) -> tuple[Cell, ...]:
        return tuple(self._cell(size, rng) for size in (n_inputs, *[self.hidden_size] * (self.n_layers - 1)))

    def _cell(self, n_inputs: int, rng: np.random.Generator) -> Cell:
        size, biases = self.hidden_size, self._kind.biases
        inputs = [FanScaled()(n_inputs, size, "tanh", rng=rng) for _ in biases]
        recurrent = [Orthogonal()(size, size, "tanh", rng=rng) for _ in biases]
        return Cell(np.concatenate(inputs, axis=1), np.concatenate(recurrent, axis=1), np.repeat(np.array(biases, np.float32), size))

    def _network(
        self, cells: tuple[Cell, ...], layers: tuple[Layer, ...], in_shape: Shape, out_shape: Shape, *, is_decoder: bool
    ) -> RecurrentNetwork:
        path = np.zeros((math.prod(in_shape), math.prod(out_shape)), np.float32) if self.linear_path else None
        return RecurrentNetwork(cells, layers, path, tuple(out_shape), is_decoder)
