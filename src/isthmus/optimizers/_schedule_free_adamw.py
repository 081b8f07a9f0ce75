from typing import Annotated, Any, ClassVar

import jax
import optax

from isthmus._types import Fraction, Interval, NonNegative, Positive, Scalar, Tree

from ._base import AbstractOptimizer
from ._matrices import is_matrix


class ScheduleFreeAdamw(AbstractOptimizer):
    """Adamw whose weights to keep are a running mean of its own, which takes the place of a falling rate.

    Three sequences: `z` moves as by `Adamw` without momentum, at the gradient of `y`; `x` is the mean of all `z` so far, weighted by the
    squares of the largest rate until then; and `y = beta1 x + (1 - beta1) z`. Evaluated, kept and returned is `x`; the training loss of
    the history is that of `y`. A run may end at any time without having been planned to: leave the schedule constant, but for a warm-up.
    It takes higher rates than `Adam`. Two extra numbers are kept for each weight.

    As in `Adamw`, only arrays of two or more dimensions decay. The mean's weights are not the gradient's, so that it does not go with
    penalties that have a kink (`regularizers.L1`).

    Attributes:
        beta1: how near to the mean the gradient is taken.
        beta2: how much of the mean squared gradient survives a step.
        epsilon: added to the root, so that a vanishing gradient does not give a huge step.
        weight_decay: the share of `y`, times the rate, that `z` loses at every step.

    References:
        Defazio et al., The Road Less Scheduled, 2024, algorithm 1. arXiv:2405.15682.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, y = ScheduleFreeAdamw(beta1=0.75), jnp.asarray([4.0])
        >>> state = optimizer.build(1.0).init(y)._replace(z=jnp.asarray([7.0]))
        >>> optimizer.evaluation_weights(state, y).tolist()  # 4 = 0.75 * 3 + 0.25 * 7
        [3.0]
    """

    applies_half_rates: ClassVar[bool] = True

    learning_rate: Positive = 2.5e-3
    beta1: Annotated[float, Interval(0.0, 1.0, open_low=True, open_high=True)] = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.0

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        moving = optax.chain(
            optax.scale_by_rms(self.beta2, self.epsilon, eps_in_sqrt=False, bias_correction=True),
            optax.add_decayed_weights(self.weight_decay, is_matrix),
            optax.scale_by_learning_rate(rate),
            optax.stateless(lambda steps, _: self.at_half_rates(steps)),
        )
        return optax.contrib.schedule_free(moving, rate, self.beta1)

    @property
    def state_per_weight(self) -> int:
        return 2

    def evaluation_weights(self, state: Any, weights: Tree) -> Tree:
        return jax.tree.map(lambda y, z: (y - (1.0 - self.beta1) * z) / self.beta1, weights, state.z)

    def training_weights(self, state: Any, weights: Tree) -> Tree:
        return jax.tree.map(lambda x, z: self.beta1 * x + (1.0 - self.beta1) * z, weights, state.z)
