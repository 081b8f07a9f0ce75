from dataclasses import KW_ONLY
from typing import Any

import jax
import optax

from isthmus._types import Fraction, Positive, Scalar, Tree

from ._base import AbstractOptimizer


class Sgd(AbstractOptimizer):
    """Stochastic gradient descent with momentum: steps follow a decaying sum of the batches' gradients.

    `m <- momentum * m + g`, `w <- w - rate * m`; with `nesterov`, `w <- w - rate * (g + momentum * m)`. Gradients of one direction
    add up to `rate / (1 - momentum)` times one of them. One extra number is kept for each weight.

    The papers hold the sum in units of steps, `v <- momentum * v - rate * g`: the same at a constant rate; when the rate falls,
    older gradients are scaled by the rate of today here, and by that of their day there. Nesterov's gradient is taken at the point
    looked ahead to, and the weights here *are* that point, so that evaluation looks ahead as well.

    Attributes:
        momentum: the share of the sum that survives a step; 0 for plain stochastic gradient descent.
        nesterov: whether the step looks one ahead.

    References:
        Robbins & Monro, A Stochastic Approximation Method, Annals of Mathematical Statistics 22, 1951; Sutskever, Martens, Dahl &
        Hinton, On the Importance of Initialization and Momentum in Deep Learning, ICML 2013.

    Example:
        >>> Sgd(0.1, momentum=0.5, nesterov=True).momentum
        0.5
    """

    learning_rate: Positive = 1e-2
    momentum: Fraction = 0.9
    _: KW_ONLY
    nesterov: bool = False

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.sgd(rate, momentum=self.momentum, nesterov=self.nesterov))

    @property
    def state_per_weight(self) -> int:
        return 1

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        return jax.tree.map(lambda _: rate / (1.0 - self.momentum), weights)
