import abc

from isthmus._component import Component
from isthmus._types import Scalar


class AbstractSchedule(Component):
    """How the learning rate changes over a run.

    Progress is the share of the planned steps that are over, so that runs of any length share one compiled program.
    """

    @abc.abstractmethod
    def factor(self, progress: Scalar | float) -> Scalar | float:
        """The rate's factor when `progress`, in [0, 1], of the run is over."""

    def plateau(self, scale: Scalar | float, waited: Scalar | float) -> Scalar | float:
        """What else the rate is multiplied by from here on, asked at each epoch's end; a schedule around another one asks that one.

        Args:
            scale: what it has been multiplied by until now, rollbacks of the run included.
            waited: epochs since the monitored value last improved by the plan's `tol`.
        """
        return scale
