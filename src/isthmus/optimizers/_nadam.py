from typing import Any

import optax

from isthmus._types import Fraction, Positive, Scalar, Tree

from ._adaptive import adaptive_step_sizes
from ._base import AbstractOptimizer


class Nadam(AbstractOptimizer):
    """Adam that looks one step ahead: the newest gradient counts at once in the mean that it has just joined.

    As `Adam`, with `b1 m / (1 - b1^(t + 1)) + (1 - b1) g / (1 - b1^t)` in the place of `m_hat` at step `t`. It follows a change of the
    gradient a step earlier, and its first step is about half as large again. Two extra numbers are kept for each weight.

    Attributes:
        beta1: how much of the mean gradient survives a step.
        beta2: how much of the mean squared gradient survives a step.
        epsilon: added to the root, so that a vanishing gradient does not give a huge step.

    References:
        Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016, algorithm 2, with one `b1` for all steps; and without its
        factor `b2` before the second moment, which would undo its correction in part.

    Example:
        >>> Nadam(3e-4).beta1
        0.9
    """

    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.nadam(rate, self.beta1, self.beta2, self.epsilon))

    @property
    def state_per_weight(self) -> int:
        return 2

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        # Looking ahead makes no difference once the gradient lasts.
        return adaptive_step_sizes(state[0], self.beta2, self.epsilon, rate)
