import math

import jax.numpy as jnp

from isthmus._types import Fraction, Scalar

from ._base_schedule import AbstractSchedule


class OneCycle(AbstractSchedule):
    """The rate rises to its peak along half a cosine and falls along another, once in the run.

    `factor(p) = start + (1 - start) (1 - cos(pi p / peak)) / 2` while `p < peak`, and `end + (1 - end) (1 + cos(pi q)) / 2` with
    `q = (p - peak) / (1 - peak)` after it. It is for high rates, which the rise makes bearable: try three to ten times the rate that
    would do without a schedule. `Warmup(then=Cosine())` is a short rise along a line.

    Attributes:
        peak: the share of the run after which the rate is highest; 0 for no rise.
        start: the factor of the first step.
        end: the factor when the run is over.

    References:
        Smith & Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2017,
        arXiv:1708.07120. There the rate goes along lines, up and down in equal times, and falls further after that; and the momentum
        goes against it, which it does not here.

    Example:
        >>> round(float(OneCycle(peak=0.5, start=0.2).factor(0.25)), 4)
        0.6
    """

    peak: Fraction = 0.3
    start: Fraction = 0.04
    end: Fraction = 0.0

    def factor(self, progress: Scalar | float) -> Scalar | float:
        rising = progress < self.peak
        risen = 0.5 - 0.5 * jnp.cos(math.pi * progress / jnp.where(rising, self.peak, 1.0))
        fallen = 0.5 + 0.5 * jnp.cos(math.pi * jnp.maximum(progress - self.peak, 0.0) / (1.0 - self.peak))
        return jnp.where(rising, self.start + (1.0 - self.start) * risen, self.end + (1.0 - self.end) * fallen)
