import abc
from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal

import jax
import optax

from isthmus._component import Component
from isthmus._types import NonNegative, Positive, Scalar, Tree

from ._base_schedule import AbstractSchedule
from ._constant import Constant


class AbstractOptimizer(Component):
    """An Optax transformation as data: its floats are arguments of the compiled program, and it is built inside the step.

    Attributes:
        full_batch: whether every step sees every row, whatever `batch_size` says.
        applies_half_rates: whether `build` itself calls `at_half_rates`, as an optimizer must that goes on after its step, say with a
            search along it.
        learning_rate: the step size at schedule factor 1.
        schedule: the factor of the rate over the run.
        clip_norm: gradients of a larger global norm are scaled down to it; None for no clipping.
        encoder_rate: multiplies the rate of the encoder's weights.
        decoder_rate: multiplies the rate of the decoder's weights.
        frozen: which halves keep their weights.
    """

    full_batch: ClassVar[bool] = False
    applies_half_rates: ClassVar[bool] = False

    learning_rate: Positive = 1e-3
    _: KW_ONLY
    schedule: AbstractSchedule = Constant()
    clip_norm: Positive | None = None
    encoder_rate: NonNegative = 1.0
    decoder_rate: NonNegative = 1.0
    frozen: tuple[Literal["encoder", "decoder"], ...] = ()

    @abc.abstractmethod
    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        """The transformation at this step's rate; its initial state does not depend on `rate`."""

    @property
    def state_per_weight(self) -> int:
        """How many numbers are kept between steps for each entry of a weight matrix, beside the entry itself."""
        raise NotImplementedError(f"{type(self).__name__} does not say how much it keeps")

    @classmethod
    def has_step_sizes(cls) -> bool:
        """Whether steps are in proportion to gradients, so that `step_sizes` is defined; penalties with a kink need it."""
        return cls.step_sizes is not AbstractOptimizer.step_sizes

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        """For each array of `weights` the factor between a small constant gradient and the step it causes at this state.

        A scalar, or an array of the same shape. The proximal map of a penalty uses it, for with another step size than the
        gradient's the two balance at another point than the objective's minimum. An optimizer that has no such factor leaves this
        method undefined, and is refused beside a penalty that needs it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step sizes")

    def evaluation_weights(self, state: Any, weights: Tree) -> Tree:
        """The weights to evaluate and keep, where they differ from those that the gradient is taken at."""
        return weights

    def training_weights(self, state: Any, weights: Tree) -> Tree:
        """The inverse of `evaluation_weights`: where the gradient is taken when a run goes on from kept weights and a state."""
        return weights

    def at_half_rates(self, steps: Tree) -> Tree:
        """Each array of `steps`, of the weights' form, times the rate of its half."""
        rates = {"encoder": self.encoder_rate, "decoder": self.decoder_rate}
        return jax.tree_util.tree_map_with_path(lambda path, step: rates.get(_half(path), 1.0) * step, steps)

    def is_trainable(self, weights: Tree) -> Tree:
        """For each array of `weights` whether it moves."""
        return jax.tree_util.tree_map_with_path(lambda path, _: _half(path) not in self.frozen, weights)


def _half(path: Any) -> str:
    return str(getattr(path[0], "name", getattr(path[0], "key", getattr(path[0], "idx", "")))) if path else ""
