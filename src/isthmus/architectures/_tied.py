import math
from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NoReturn

import equinox as eqx
import numpy as np

from isthmus._activations import Activation
from isthmus._component import part_name
from isthmus._types import Fraction, Key, PositiveInt, Shape, Tree
from isthmus.errors import PartError
from isthmus.initializers import AbstractInitializer

from ._base import AbstractArchitecture, RowSample, Stage
from ._layers import Layer, Network, chosen_widths, drawn_network, level_shapes, network_value, paired_stages


class Biases(eqx.Module):
    """What a decoder that shares its encoder's matrices has of its own: a bias after each of them."""

    biases: tuple[Any, ...]
    out_shape: Shape = eqx.field(static=True)


class Tied(AbstractArchitecture):
    """Fully connected layers, and a decoder that goes back through the transposed matrices of the encoder.

    `h <- activation(W_k h + b_k)` for each hidden width and a bare `W h + b` at the end; back `h <- activation(W_k' h + c_k)`, with a bare
    end too. Half as many weights to learn, to store and to penalize as `Dense` has for the same widths, each with the gradients of both
    its places; a step takes as long. It is for few rows and small models: with as many weights as it wants, an untied decoder can do all
    that a tied one can. A linear one (`hidden_dims=()`) that is trained on squared errors ends with orthonormal columns that span the
    principal subspace, for an encoder cannot shrink what its own transpose is to enlarge.

    A frozen encoder keeps the matrices of both halves. A bottleneck that asks the encoder for more numbers than a code has cannot be
    combined with it.

    Attributes:
        hidden_dims: widths of the encoder's hidden layers, mirrored in the decoder; `()` for none, None for widths chosen from the
            data's shape.
        activation: of the hidden layers; None for "relu", or "silu" when `hidden_dims` is None.
        dropout: the share of hidden units silenced at each training step, the others scaled up (Srivastava et al. 2014); None for none.
        initializer: draws the encoder's matrices; None for `FanScaled`.

    References:
        Vincent, Larochelle, Lajoie, Bengio & Manzagol, Stacked Denoising Autoencoders, Journal of Machine Learning Research 11, 2010,
        section 4.1, for one layer at a time; here all layers may be tied at once. Baldi & Hornik, Neural Networks and Principal
        Component Analysis, Neural Networks 2, 1989, for the linear case.

    Example:
        >>> import numpy as np
        >>> from isthmus import Autoencoder
        >>> X = np.random.default_rng(0).normal(size=(40, 6))
        >>> Autoencoder(2, architecture=Tied((5,)), max_epochs=1, random_state=0).fit(X).summary().n_parameters
        58
    """

    takes_classes: ClassVar[bool] = False

    hidden_dims: tuple[PositiveInt, ...] | None = None
    activation: Activation | None = None
    _: KW_ONLY
    dropout: Fraction | None = None
    initializer: AbstractInitializer | None = None

    def check_parts(self, parts: Any) -> None:
        asked = parts.bottleneck.hidden_shape(parts.latent_shape)
        if math.prod(asked) != math.prod(parts.latent_shape):
            self._refuse("bottleneck", parts.bottleneck, f"asks the encoder for {asked} to make a code of {parts.latent_shape}")
        given = parts.loss.output_shape(parts.data_shape)
        if math.prod(given) != math.prod(parts.data_shape):
            self._refuse("loss", parts.loss, f"asks the decoder for {given} to give back rows of {parts.data_shape}")

    @property
    def is_random(self) -> bool:
        return self.dropout is not None

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Network:
        sizes = (math.prod(in_shape), *self._widths(in_shape), math.prod(out_shape))
        return drawn_network(sizes, out_shape, self._activation, initializer=self.initializer, rng=rng)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Biases:
        widths = (*self._widths(out_shape)[::-1], math.prod(out_shape))
        return Biases(tuple(np.zeros(width, np.float32) for width in widths), tuple(out_shape))

    def joined(self, encoder: Network, decoder: Biases) -> Network:
        pairs = zip(encoder.layers[::-1], decoder.biases, strict=True)
        return Network(tuple(Layer(layer.weight.T, bias) for layer, bias in pairs), None, decoder.out_shape)

    def start(self, encoder: Network, decoder: Biases, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        bias = np.asarray(output_mean, np.float32).reshape(-1)
        return encoder, Biases((*decoder.biases[:-1], bias), decoder.out_shape)

    def stages(self, encoder: Network, decoder: Biases) -> tuple[Stage, ...]:
        shapes = level_shapes(encoder, decoder.out_shape)
        back = [Biases((bias,), shape) for bias, shape in zip(decoder.biases[::-1], shapes, strict=False)]
        return paired_stages(Tied(hidden_dims=()), encoder, back, self._activation)

    def assembled(self, encoder: Network, decoder: Biases, stages: Sequence[tuple[Tree, Tree]]) -> tuple[Network, Biases]:
        into, back = zip(*stages, strict=True)
        biases = tuple(own.biases[0] for own in back[::-1])
        return Network(tuple(network.layers[0] for network in into), None, encoder.out_shape), Biases(biases, decoder.out_shape)

    def __call__(self, network: Network, x: Any, *, precision: str, key: Key | None) -> Any:
        return network_value(network, x, self._activation, dropout=self.dropout, precision=precision, key=key)

    @property
    def _activation(self) -> Activation:
        return self.activation or ("silu" if self.hidden_dims is None else "relu")

    def _widths(self, data_shape: Shape) -> tuple[int, ...]:
        return chosen_widths(math.prod(data_shape)) if self.hidden_dims is None else self.hidden_dims

    def _refuse(self, role: str, part: Any, why: str) -> NoReturn:
        raise PartError(
            f"The architecture 'tied' goes back through the encoder's own matrices, from as many numbers to as many. The {role} "
            f"{part_name(type(part))!r} {why}. Choose another {role}, or the architecture 'dense'."
        )
