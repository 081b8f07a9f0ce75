from typing import Any

import jax
import jax.numpy as jnp
import optax

from isthmus._types import Fraction, Positive, Scalar, Tree

from ._base import AbstractOptimizer


class Rmsprop(AbstractOptimizer):
    """Each coordinate's gradient is divided by the root of its recent mean square; momentum, if any, adds up the quotients.

    `v <- decay v + (1 - decay) g^2`, `m <- momentum * m + g / (sqrt(v) + epsilon)`, `w <- w - rate * m`. Two differences from `Adam`:
    there the mean is taken before the division, and the start of `v` at zero is undone; here the first steps are larger, by up to
    `1 / sqrt(1 - decay)`. Two extra numbers are kept for each weight, also without momentum.

    Attributes:
        decay: how much of the mean squared gradient survives a step.
        momentum: the share of the sum of steps that survives a step; 0 for none.
        epsilon: added to the root, so that a vanishing gradient does not give a huge step.

    References:
        Tieleman & Hinton, Lecture 6.5: Divide the Gradient by a Running Average of Its Recent Magnitude, Neural Networks for Machine
        Learning, 2012, which has neither momentum nor `epsilon`; Graves, Generating Sequences with Recurrent Neural Networks, 2013,
        arXiv:1308.0850, section 4.2, which has both, but takes the square of the mean gradient off the mean square.

    Example:
        >>> Rmsprop(3e-4, momentum=0.9).momentum
        0.9
    """

    decay: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: Positive = 1e-8

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        built = optax.rmsprop(rate, self.decay, self.epsilon, eps_in_sqrt=False, momentum=self.momentum)
        return optax.with_extra_args_support(built)

    @property
    def state_per_weight(self) -> int:
        return 2

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        lasting = rate / (1.0 - self.momentum)
        return jax.tree.map(lambda v: lasting / (jnp.sqrt(v) + self.epsilon), state[0].nu)
