import jax.numpy as jnp

from isthmus._types import Fraction, Scalar

from ._base_schedule import AbstractSchedule
from ._constant import Constant


class Warmup(AbstractSchedule):
    """The rate rises along a line over the first part of the run; another schedule has the rest.

    `factor(p) = (start + (1 - start) p / share) * then.factor(0)` while `p < share`, and `then.factor((p - share) / (1 - share))`
    after it. It is for networks that diverge, or waste their moments, at their full rate on the first gradients.

    Attributes:
        share: the share of the run that the rise takes; 0 for no rise.
        then: the schedule of what remains, which sees it as a whole run.
        start: the factor of the first step. It is not 0, at which the first step would read a batch and change nothing.

    References:
        Goyal et al., Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, 2017, section 2.2, "gradual warmup". There the rise
        starts at the rate of a single worker and takes five epochs; here both are shares. arXiv:1706.02677.

    Example:
        >>> round(float(Warmup(share=0.2, start=0.1).factor(0.1)), 4)
        0.55
    """

    share: Fraction = 0.05
    then: AbstractSchedule = Constant()
    start: Fraction = 0.1

    def factor(self, progress: Scalar | float) -> Scalar | float:
        rising = progress < self.share
        risen = jnp.where(rising, progress / jnp.where(rising, self.share, 1.0), 1.0)
        remaining = jnp.maximum(progress - self.share, 0.0) / (1.0 - self.share)
        return (self.start + (1.0 - self.start) * risen) * self.then.factor(remaining)

    def plateau(self, scale: Scalar | float, waited: Scalar | float) -> Scalar | float:
        return self.then.plateau(scale, waited)
