import abc
from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal

import optax

from isthmus._component import Component
from isthmus._types import NonNegative, Positive, Scalar, Tree

from ._base_schedule import AbstractSchedule
from ._constant import Constant


class AbstractOptimizer(Component):
    """An Optax transformation as data: its floats are arguments of the compiled program, and it is built inside the step.

    Attributes:
        full_batch: whether every step sees every row, whatever `batch_size` says.
        learning_rate: the step size at schedule factor 1.
        schedule: the factor of the rate over the run.
        clip_norm: gradients of a larger global norm are scaled down to it; None for no clipping.
        encoder_rate: multiplies the rate of the encoder's weights.
        decoder_rate: multiplies the rate of the decoder's weights.
        frozen: which halves keep their weights.
    """

    full_batch: ClassVar[bool] = False

    learning_rate: Positive = 1e-3
    _: KW_ONLY
    schedule: AbstractSchedule = Constant()
    clip_norm: Positive | None = None
    encoder_rate: NonNegative = 1.0
    decoder_rate: NonNegative = 1.0
    frozen: tuple[Literal["encoder", "decoder"], ...] = ()

    @abc.abstractmethod
    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        """The transformation at this step's rate; its state does not depend on `rate`."""

    @abc.abstractmethod
    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        """For each array of `weights` the factor between a small constant gradient and the step it causes at this state.

        A scalar, or an array of the same shape. The proximal map of a penalty uses it, for with another step size than the
        gradient's the two balance at another point than the objective's minimum.
        """

    def evaluation_weights(self, state: Any, weights: Tree) -> Tree:
        """The weights to evaluate and keep, where they differ from those that the gradient is taken at."""
        return weights
