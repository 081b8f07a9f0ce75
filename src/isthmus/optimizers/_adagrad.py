from typing import Any

import jax
import jax.numpy as jnp
import optax

from isthmus._types import NonNegative, Positive, Scalar, Tree

from ._base import AbstractOptimizer


class Adagrad(AbstractOptimizer):
    """Each coordinate's step is divided by the root of the sum of all its squared gradients: rates fall by themselves.

    `s <- s + g^2`, `w <- w - rate * g / sqrt(s + epsilon)`. Nothing is forgotten, so that steps shrink like one over the root of their
    number; coordinates that seldom have a gradient keep large steps, as sparse rows want them. On a long run `Adam` or `Rmsprop` goes
    on where this one has come to a stand. One extra number is kept for each weight.

    Attributes:
        initial: what each sum begins with; at 0 the first step of each coordinate has the size of the rate.
        epsilon: added to the sum, so that a vanishing gradient does not give a huge step.

    References:
        Duchi, Hazan & Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, Journal of Machine Learning
        Research 12, 2011, figure 1 with diagonal matrices and no regularizer. There the small number is added to the root. Optax and
        TensorFlow begin the sums at 0.1, which for the gradients of an autoencoder, divided by rows and columns, would never wear off.

    Example:
        >>> Adagrad(0.02, initial=0.1).initial
        0.1
    """

    learning_rate: Positive = 1e-2
    initial: NonNegative = 0.0
    epsilon: Positive = 1e-12

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(optax.adagrad(rate, self.initial, self.epsilon))

    @property
    def state_per_weight(self) -> int:
        return 1

    def step_sizes(self, state: Any, weights: Tree, rate: Scalar | float) -> Tree:
        # Optax takes no step, not an endless one, where there has been no gradient.
        return jax.tree.map(lambda s: jnp.where(s > 0, rate / jnp.sqrt(s + self.epsilon), 0.0), state[0].sum_of_squares)
