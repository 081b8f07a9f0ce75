from typing import Any

import optax

from isthmus._types import Fraction, Positive, Scalar, Tree

from ._adaptive import adaptive_step_sizes
from ._base import AbstractOptimizer


class Adam(AbstractOptimizer):
    """Momentum, with each coordinate's step divided by the root of its mean squared gradient.

    `m <- b1 m + (1 - b1) g`, `v <- b2 v + (1 - b2) g^2`, `w <- w - rate * m_hat / (sqrt(v_hat) + epsilon)`, hats undoing the
    bias of the zero start. Two extra numbers are kept for each weight.

    Attributes:
        beta1: how much of the mean gradient survives a step.
        beta2: how much of the mean squared gradient survives a step.
        epsilon: added to the root, so that a vanishing gradient does not give a huge step.

    References:
        Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015, algorithm 1. arXiv:1412.6980.

    Example:
        >>> Adam(3e-4).learning_rate
        0.0003
    """

    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.adam(rate, self.beta1, self.beta2, self.epsilon))

    @property
    def state_per_weight(self) -> int:
        return 2

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        return adaptive_step_sizes(state[0], self.beta2, self.epsilon, rate)
