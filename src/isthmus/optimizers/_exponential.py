from isthmus._types import Positive, Scalar

from ._base_schedule import AbstractSchedule


class Exponential(AbstractSchedule):
    """The rate changes by the same ratio in each equal part of the run.

    `factor(p) = end^p`, from 1 to `end`. An `end` above 1 makes the rate rise.

    Attributes:
        end: the factor when the run is over.

    References:
        Senior, Heigold, Ranzato & Yang, An Empirical Study of Learning Rates in Deep Neural Networks for Speech Recognition, ICASSP
        2013, section 2. There the ratio is set for a number of steps, here for the whole run.

    Example:
        >>> round(Exponential(end=0.01).factor(0.5), 4)
        0.1
    """

    end: Positive = 1e-2

    def factor(self, progress: Scalar | float) -> Scalar | float:
        return self.end**progress
