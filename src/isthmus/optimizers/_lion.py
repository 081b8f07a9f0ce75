import optax

from isthmus._types import Fraction, NonNegative, Positive, Scalar

from ._base import AbstractOptimizer
from ._matrices import is_matrix


class Lion(AbstractOptimizer):
    """Every weight moves by the rate, up or down, as the sign of a mean gradient says.

    `c = b1 m + (1 - b1) g`, `w <- w - rate * (sign(c) + weight_decay * w)`, `m <- b2 m + (1 - b2) g`. One extra number is kept for each
    weight, half of what `Adam` keeps. All steps being of one size, weights end within a rate of where they should be: give it a third
    to a tenth of Adam's rate, and let a schedule lower it. Steps are not in proportion to gradients, so that it does not go with
    penalties that have a kink (`regularizers.L1`).

    As in `Adamw`, only arrays of two or more dimensions decay, and by a share of the rate.

    Attributes:
        beta1: the weight of the mean against the newest gradient in the sign.
        beta2: how much of the mean gradient survives a step.
        weight_decay: the share of itself, times the rate, that a weight loses at every step.

    References:
        Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2. arXiv:2302.06675.

    Example:
        >>> Lion(3e-5).state_per_weight
        1
    """

    learning_rate: Positive = 3e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NonNegative = 1e-3

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.lion(rate, self.beta1, self.beta2, weight_decay=self.weight_decay, mask=is_matrix))

    @property
    def state_per_weight(self) -> int:
        return 1
