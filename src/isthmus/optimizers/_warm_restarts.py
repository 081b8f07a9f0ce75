import math

import jax.numpy as jnp

from isthmus._types import Fraction, Positive, PositiveInt, Scalar

from ._base_schedule import AbstractSchedule


class WarmRestarts(AbstractSchedule):
    """The rate falls along half a cosine, leaps back to the top and falls again, each time for longer.

    Cycle `k = 0, 1, ...` takes a share of the run in proportion to `multiplier^k`, so that the last one ends with the run, and
    `factor = end + (1 - end) (1 + cos(pi q)) / 2` with `q` the share of its cycle that is over. A leap takes the weights out of where
    they had settled; the best of all epochs are kept, whichever cycle they are from. One cycle is `Cosine`.

    Attributes:
        cycles: how many there are.
        multiplier: how many times as long a cycle is as the one before.
        end: the factor at the end of every cycle.

    References:
        Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, equation 5. arXiv:1608.03983. There the length
        of the first cycle is given, in epochs, and a run may end within one; the moments of the optimizer go on here as there.

    Example:
        >>> round(float(WarmRestarts(cycles=2, multiplier=3.0, end=0.2).factor(0.125)), 4)  # in the middle of the first quarter
        0.6
    """

    cycles: PositiveInt = 3
    multiplier: Positive = 2.0
    end: Fraction = 0.0

    def factor(self, progress: Scalar | float) -> Scalar | float:
        number = jnp.arange(self.cycles)
        # In units of the longest cycle, for the powers of large numbers of cycles would overflow.
        lengths = jnp.where(self.multiplier > 1.0, self.multiplier ** (number - self.cycles + 1.0), jnp.power(self.multiplier, number))
        ends = jnp.cumsum(lengths) / jnp.sum(lengths)
        cycle = jnp.minimum(jnp.sum(progress >= ends), self.cycles - 1)
        length = lengths[cycle] / jnp.sum(lengths)
        left = jnp.clip((ends[cycle] - progress) / jnp.where(length > 0.0, length, 1.0), 0.0, 1.0)
        return self.end + (1.0 - self.end) * 0.5 * (1.0 - jnp.cos(math.pi * left))
