from typing import Any

import optax

from isthmus._types import Fraction, NonNegative, Positive, Scalar, Tree

from ._adaptive import adaptive_step_sizes
from ._base import AbstractOptimizer
from ._matrices import is_matrix


class Adamw(AbstractOptimizer):
    """Adam, with weights that decay by a share of themselves at every step, apart from the gradient.

    `w <- w - rate * (m_hat / (sqrt(v_hat) + epsilon) + weight_decay * w)`, with the moments as in `Adam`. Unlike a squared penalty in
    the objective (`regularizers.L2`), the decay is not divided by the root of the mean squared gradient. Two extra numbers are kept for
    each weight.

    Two departures from the paper. The decay is multiplied by the whole rate, as Optax and PyTorch do, and not by the schedule's
    factor alone: when you change the rate, `rate * weight_decay` changes along. And only arrays of two or more dimensions decay,
    weight matrices and kernels: a bias holds the level of the data, which is not to be pulled towards zero.

    Attributes:
        beta1: how much of the mean gradient survives a step.
        beta2: how much of the mean squared gradient survives a step.
        epsilon: added to the root, so that a vanishing gradient does not give a huge step.
        weight_decay: the share of itself, times the rate, that a weight loses at every step.

    References:
        Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019, algorithm 2. arXiv:1711.05101.

    Example:
        >>> Adamw(3e-4, weight_decay=0.01).weight_decay
        0.01
    """

    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 1e-4

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        decayed = optax.adamw(rate, self.beta1, self.beta2, self.epsilon, weight_decay=self.weight_decay, mask=is_matrix)
        return optax.with_extra_args_support(decayed)

    @property
    def state_per_weight(self) -> int:
        return 2

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        return adaptive_step_sizes(state[0], self.beta2, self.epsilon, rate)
