from isthmus._types import Scalar

from ._base_schedule import AbstractSchedule


class Constant(AbstractSchedule):
    """The same rate from the first step to the last.

    `factor(p) = 1`.

    Example:
        >>> Constant().factor(0.3)
        1.0
    """

    def factor(self, progress: Scalar | float) -> Scalar | float:
        return 1.0
