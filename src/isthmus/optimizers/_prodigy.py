from typing import Any

import jax
import jax.numpy as jnp
import optax

from isthmus._types import Fraction, Positive, Scalar, Tree

from ._base import AbstractOptimizer


class Prodigy(AbstractOptimizer):
    """Adam that finds its rate: an estimate of how far the start is from the solution, which only grows.

    Adam's step is multiplied by `d`. For a convex objective `<g, w_0 - w>` is at most the gradient's norm times the distance to the
    solution; `d` is the largest quotient seen of a weighted sum of those products and the norm of the same sum of gradients. The first
    hundred or so steps, from `initial` on, serve to find it. `learning_rate` multiplies what is found: leave it at 1, and let a schedule
    lower it. Four extra numbers are kept for each weight. While `d` grows, the moments remember steps at its old values, and
    steps are not in proportion to gradients, so that it does not go with penalties that have a kink (`regularizers.L1`).

    Attributes:
        learning_rate: multiplies the rate that is found.
        beta1: how much of the mean gradient survives a step.
        beta2: how much of the mean squared gradient survives a step, and its root how much of the sums of the estimate.
        epsilon: added to the root, so that a vanishing gradient does not give a huge step.
        initial: the estimate at the start; it should be too low, but steps of less than 1e-7 of a weight are lost in float32.
        growth: multiplies the estimate.

    References:
        Mishchenko & Defazio, Prodigy: An Expeditiously Adaptive Parameter-Free Learner, 2023, the Adam version. arXiv:2306.06101. As Optax
        has it, the step is freed of the bias of Adam's moments. The rate counts in the products and not in the gradients' norm, as the
        authors recommend for a warm-up, so that late, small steps do not raise the estimate.

    Example:
        >>> Prodigy().learning_rate
        1.0
    """

    learning_rate: Positive = 1.0
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    initial: Positive = 1e-6
    growth: Positive = 1.0

    def build(self, rate: Scalar | float) -> optax.GradientTransformationExtraArgs:
        betas = (self.beta1, self.beta2)
        built = optax.contrib.prodigy(
            rate, betas, eps=self.epsilon, estim_lr0=self.initial, estim_lr_coef=self.growth, safeguard_warmup=True
        )

        def update(gradient: Tree, state: Any, weights: Tree | None = None, **extra: Any) -> tuple[Tree, Any]:
            # Before the first gradient that is not zero the estimate would be 0 / 0.
            rests = optax.tree.norm(gradient, squared=True) == 0.0
            updates, after = built.update(gradient, state, weights, **extra)
            return jax.tree.map(lambda new, old: jnp.where(rests, old, new), (updates, after), (gradient, state))

        return optax.GradientTransformationExtraArgs(built.init, update)

    @property
    def state_per_weight(self) -> int:
        return 4
