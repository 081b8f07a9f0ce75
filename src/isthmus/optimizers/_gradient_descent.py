from typing import Any, ClassVar

import jax
import optax

from isthmus._types import Positive, Scalar, Tree

from ._base import AbstractOptimizer


class GradientDescent(AbstractOptimizer):
    """Each step follows the exact gradient of all rows; nothing is remembered between steps.

    `w <- w - rate * g`, with `g` the gradient over the whole table: one step an epoch, whatever the batch size. The objective falls
    at every step when the rate is below 2 / (its largest curvature). Nothing is stored beside the weights.

    References:
        Cauchy, Methode generale pour la resolution des systemes d'equations simultanees, Comptes Rendus 25, 1847.

    Example:
        >>> GradientDescent(0.5).learning_rate, GradientDescent.full_batch
        (0.5, True)
    """

    full_batch: ClassVar[bool] = True

    learning_rate: Positive = 1e-1

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.sgd(rate))

    @property
    def state_per_weight(self) -> int:
        return 0

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        return jax.tree.map(lambda _: rate, weights)
