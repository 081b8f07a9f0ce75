from ._base import AbstractScaling
from ._common import Common
from ._unit_range import UnitRange


def automatic_scaling(*, unit_interval: bool) -> AbstractScaling:
    """The scaling that ``scaling="auto"`` stands for.

    Args:
        unit_interval: whether the loss or the output activation lives in [0, 1].

    Returns:
        `UnitRange` where outputs live in [0, 1]; else `Common`, which keeps the squared error in proportion.

    Example:
        >>> automatic_scaling(unit_interval=True)
        UnitRange()
    """
    return UnitRange() if unit_interval else Common()
