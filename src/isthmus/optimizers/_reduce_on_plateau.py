import jax.numpy as jnp

from isthmus._types import Fraction, PositiveInt, Scalar

from ._base_schedule import AbstractSchedule


class ReduceOnPlateau(AbstractSchedule):
    """The rate falls by a fixed ratio each time that the monitored loss has not improved for some epochs.

    `scale <- max(ratio * scale, lowest)` after every `patience` epochs in a row without an improvement by the plan's `tol`, and again
    after as many more; the factor over the run is 1. What is monitored is the validation loss, or the training loss without validation
    rows. A run that stops for want of patience itself must have more of it than this: with twice as much, each reduction has as long
    to bring an improvement as was waited for it. A rollback, too, lowers the scale, and may do so beyond `lowest`.

    Attributes:
        ratio: what the rate is multiplied by.
        patience: epochs without an improvement that cause a reduction.
        lowest: the scale below which it is not reduced.

    References:
        He, Zhang, Ren & Sun, Deep Residual Learning for Image Recognition, 2015, section 3.4, where the rate is divided by ten when the
        error has come to a plateau, without a rule for when that is. arXiv:1512.03385.

    Example:
        >>> schedule = ReduceOnPlateau(ratio=0.5, patience=2)
        >>> [float(schedule.plateau(1.0, waited)) for waited in (0, 1, 2, 3, 4)]
        [1.0, 1.0, 0.5, 1.0, 0.5]
    """

    ratio: Fraction = 0.1
    patience: PositiveInt = 5
    lowest: Fraction = 1e-4

    def factor(self, progress: Scalar | float) -> Scalar | float:
        return 1.0

    def plateau(self, scale: Scalar | float, waited: Scalar | float) -> Scalar | float:
        due = (waited > 0) & (waited % self.patience == 0) & (scale > self.lowest)
        return jnp.where(due, jnp.maximum(self.ratio * scale, self.lowest), scale)
