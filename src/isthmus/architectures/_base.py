import abc
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from isthmus._activations import Activation
from isthmus._component import Component
from isthmus._types import Key, Shape, Tree

RowSample: TypeAlias = Callable[[], tuple[np.ndarray, ...]]


class Stage(NamedTuple):
    """Two layers that face each other, one of the encoder and one of the decoder, as an autoencoder of its own.

    Attributes:
        architecture: applies both.
        encoder: its network into the stage's codes.
        decoder: its network back.
        n_codes: how many numbers a code has.
        activation: of the codes, and of what the stage above gives back; None for the last stage, where the model says.
    """

    architecture: "AbstractArchitecture"
    encoder: Tree
    decoder: Tree
    n_codes: int
    activation: Activation | None


class AbstractArchitecture(Component):
    """How data become hidden values and codes become outputs: a network for each half.

    A network is a PyTree of arrays (static fields hold the rest). The part makes it, on the host and with NumPy, because every
    random draw that is compiled costs 0.1 s; and the part applies it, because its floats (a dropout rate) are arguments of
    the compiled program while the network holds only what is learned.

    Attributes:
        takes_classes: whether it works in a model whose networks are told the class of each row.
    """

    takes_classes: ClassVar[bool] = True

    @property
    def is_random(self) -> bool:
        """Whether a training step draws random numbers inside the network (dropout); each row then gets a key of its own."""
        return False

    @abc.abstractmethod
    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Tree:
        """A network from one example of `in_shape` to `out_shape`, with random weights."""

    @abc.abstractmethod
    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Tree:
        """A network from one code of `in_shape` to `out_shape`, with random weights."""

    def joined(self, encoder: Tree, decoder: Tree) -> Tree:
        """The network that turns codes into outputs: the decoder as it is, unless it shares weights with the encoder."""
        return decoder

    @abc.abstractmethod
    def __call__(self, network: Tree, x: Any, *, precision: str, key: Key | None) -> Any:
        """The network's value for **one** example; `key` is None outside training, and then nothing is random."""

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        """The networks' weights once data have been seen, before the first step.

        Args:
            encoder: as `encoder` made it.
            decoder: as `decoder` made it.
            rows: gives a sample of rows as the encoder and as the loss will see them: float64, both of shape (rows, *in_shape);
                and the class of each as ones and zeros, which is also in what the encoder sees, where the model is conditional.
            output_mean: the raw outputs at which the loss's `mean` is the mean of the data, of the decoder's output shape.

        Returns:
            Both networks; the decoder's output bias lies at `output_mean`.
        """
        return encoder, decoder

    def stages(self, encoder: Tree, decoder: Tree) -> tuple[Stage, ...]:
        """The pairs of layers that can be trained one after another, from the data up; none when the networks are not made of such.

        An architecture that has them overrides this method and `assembled`; it may raise `PartError` to say which of its fields is in
        the way.
        """
        return ()

    def assembled(self, encoder: Tree, decoder: Tree, stages: Sequence[tuple[Tree, Tree]]) -> tuple[Tree, Tree]:
        """Both networks with the layers of trained stages: the inverse of `stages`.

        Args:
            encoder: the network that was taken apart.
            decoder: likewise.
            stages: encoder and decoder of each stage.
        """
        raise NotImplementedError(f"{type(self).__name__} has no stages")
