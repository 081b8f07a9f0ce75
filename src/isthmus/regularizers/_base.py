import abc
from typing import Any, NamedTuple

import numpy as np

from isthmus._component import Component
from isthmus._types import Key, NonNegative, Scalar, Shape, Tree


class View(NamedTuple):
    """What a regularizer may look at.

    Attributes:
        x: (rows, *features), as the encoder saw it.
        mask: (rows,), 1 for rows that count and 0 for padding, which must not enter a statistic of the batch.
        hidden: the encoder's output, (rows, *hidden).
        code: (rows, *latent) or (samples, rows, *latent).
        prior: a `BoundPrior`, or None.
        weights: the model's weights; `encoder` and `decoder` are its fields.
        encode: one example to its hidden value, at these weights.
        decode: one code to its raw outputs, at these weights.
    """

    x: Any
    mask: Any
    hidden: Any
    code: Any
    prior: Any
    weights: Any
    encode: Any
    decode: Any


class AbstractRegularizer(Component):
    """A penalty beside the reconstruction; `weight` times its value joins the objective.

    A penalty returns one number for the weights, or one a row. The objective adds `weight * penalty` as it is for the former,
    and the mean over rows divided by the number of features for the latter, like every term of a row.
    """

    weight: NonNegative

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> Tree:
        """The penalty's own weights (an adversary, say); `()` for none."""
        return ()

    @abc.abstractmethod
    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        """The unweighted penalty: a scalar, or one number a row."""


class AbstractProximal(AbstractRegularizer):
    """A penalty with a kink, applied after each step by its proximal map, so that weights become exactly zero.

    Its value is reported but not differentiated.
    """

    @abc.abstractmethod
    def shrink(self, weights: Tree, amounts: Tree) -> Tree:
        """The proximal map of `sum(amount * penalty)`.

        Args:
            weights: the model's weights after the optimizer's step.
            amounts: for each array the step size that the optimizer used there times `weight`; a scalar or an array of its shape.
        """
