from typing import ClassVar

import optax

from isthmus._types import Positive, PositiveInt, Scalar

from ._base import AbstractOptimizer


class Lbfgs(AbstractOptimizer):
    """A quasi-Newton method: the last steps tell the curvature, and a search along the line finds the length of the next.

    The direction is `-H g`, with `H` the inverse curvature that the last `memory` pairs of steps and changes of the gradient make known;
    its length meets Wolfe's two conditions, so that the objective falls at every step. One step an epoch, on all rows; each costs two
    gradients as a rule and `searches + 1` at most. It is for small tables and networks, where it goes farther than a first-order method
    in the same time; noise of any kind (dropout, corruption, random codes) is drawn once a step and thus allowed, but falsifies the
    curvature, for which `Adam` is the better choice. `2 * memory + 3` extra numbers are kept for each weight. The search
    holds the gradient twice more, so that compilation takes longer.

    The rates of the halves stretch the direction before the search. `clip_norm` falsifies the curvature and is not needed, as the search
    shortens what is too long. Steps are not in proportion to gradients, so that it does not go
    with penalties that have a kink (`regularizers.L1`).

    Attributes:
        learning_rate: the length tried first, as a share of `H g`; the search finds the rest. Leave it at 1.
        memory: how many pairs are kept.
        searches: lengths tried at most.

    References:
        Liu & Nocedal, On the Limited Memory BFGS Method for Large Scale Optimization, Mathematical Programming 45, 1989; Nocedal &
        Wright, Numerical Optimization, 1999, algorithms 7.4, 3.5 and 3.6. The first direction is the gradient, no longer than 1.

    Example:
        >>> Lbfgs(memory=5).state_per_weight
        13
    """

    full_batch: ClassVar[bool] = True
    applies_half_rates: ClassVar[bool] = True

    learning_rate: Positive = 1.0
    memory: PositiveInt = 10
    searches: PositiveInt = 20

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        search = optax.scale_by_zoom_linesearch(self.searches, initial_guess_strategy="one")
        stretched = optax.stateless(lambda steps, _: self.at_half_rates(steps))
        return optax.chain(optax.scale_by_lbfgs(self.memory), optax.scale_by_learning_rate(rate), stretched, search)

    @property
    def state_per_weight(self) -> int:
        return 2 * self.memory + 3
