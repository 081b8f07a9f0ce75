import math

import jax.numpy as jnp

from isthmus._types import Fraction, Scalar

from ._base_schedule import AbstractSchedule


class Cosine(AbstractSchedule):
    """The rate falls along half a cosine: slowly, then fast, then slowly.

    `factor(p) = end + (1 - end) (1 + cos(pi p)) / 2`. One descent without restarts, of the paper's several.

    Attributes:
        end: the factor when the run is over.

    References:
        Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, equation 5. arXiv:1608.03983.

    Example:
        >>> round(float(Cosine(end=0.2).factor(0.5)), 4)
        0.6
    """

    end: Fraction = 0.0

    def factor(self, progress: Scalar | float) -> Scalar | float:
        return self.end + (1.0 - self.end) * 0.5 * (1.0 + jnp.cos(math.pi * progress))
