from typing import Any

import jax
import jax.numpy as jnp
import optax

from isthmus._types import Positive, Scalar, Tree

from ._base import AbstractOptimizer


class Dog(AbstractOptimizer):
    """Gradient descent that finds its rate: the distance gone so far over the root of all squared gradients.

    `r <- max(r, ||w - w_0||)`, `s <- s + ||g||^2`, `w <- w - rate * r / sqrt(s + epsilon) * g`, with norms over all weights that move,
    and `r` beginning at `initial * (1 + ||w_0||)`. The first hundred or so steps serve to find the scale. `learning_rate` multiplies
    what is found: leave it at 1, and let a schedule lower it. As one rate serves all weights, it is no match for `Adam` where their
    gradients differ in size. One extra number is kept for each weight, its start.

    Attributes:
        learning_rate: multiplies the rate that is found.
        initial: of the distance at the start, as a share of the weights' norm. Steps of less than 1e-7 of a weight are lost in float32.
        epsilon: added to the sum of squares, so that a vanishing gradient does not give a huge step.

    References:
        Ivgi, Hinder & Carmon, DoG Is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, 2023, arXiv:2302.12022. The paper
        evaluates a decaying mean of the weights; here it is the weights, and a schedule does the mean's work.

    Example:
        >>> Dog().learning_rate
        1.0
    """

    learning_rate: Positive = 1.0
    initial: Positive = 1e-6
    epsilon: Positive = 1e-8

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.contrib.dog(rate, ("heuristic", self.initial), self.epsilon))

    @property
    def state_per_weight(self) -> int:
        return 1

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        found = state[1].max_dist / jnp.sqrt(state[1].sum_sq_norm_grads + self.epsilon)
        return jax.tree.map(lambda _: rate * found, weights)
