from typing import Any

import optax

from isthmus._types import Fraction, Positive, Scalar, Tree

from ._adaptive import adaptive_step_sizes
from ._base import AbstractOptimizer


class Adabelief(AbstractOptimizer):
    """Adam whose steps are large where gradients come as expected, and small where they surprise.

    `m <- b1 m + (1 - b1) g`, `s <- b2 s + (1 - b2) (g - m)^2 + epsilon`, `w <- w - rate * m_hat / (sqrt(s_hat) + epsilon)`: the mean
    squared distance of the gradient from its mean stands where `Adam` has the mean squared gradient. In a long straight valley steps grow
    slowly beyond the rate, up to `rate * g / sqrt(epsilon / (1 - b2))` at last. Two extra numbers are kept for each weight.

    Attributes:
        beta1: how much of the mean gradient survives a step.
        beta2: how much of the mean squared surprise survives a step.
        epsilon: added to the mean square at every step, and to its root. It counts in squares: 1e-16 here does what 1e-8 does in `Adam`.

    References:
        Zhuang et al., AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients, 2020, algorithm 2.
        arXiv:2010.07468.

    Example:
        >>> Adabelief(3e-4).epsilon
        1e-16
    """

    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-16

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.adabelief(rate, self.beta1, self.beta2, self.epsilon, self.epsilon))

    @property
    def state_per_weight(self) -> int:
        return 2

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        return adaptive_step_sizes(state[0], self.beta2, self.epsilon, rate)
