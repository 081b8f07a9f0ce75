from typing import Any, Literal, NamedTuple

from isthmus._component import Component
from isthmus._types import NonNegative, Positive, PositiveInt

__all__ = ["Plan", "Progress"]


class Plan(Component):
    """How long to train and when to stop.

    The monitored value is the objective on the validation rows where there are any, else its mean over the epoch's steps.

    Attributes:
        max_epochs: passes over the data.
        batch_size: rows a step; a shape, hence compiled in.
        patience: epochs without an improvement by `tol` after which to stop; None never stops for that.
        tol: the smallest improvement that counts, as a share of the value to beat.
        target_loss: stop once the monitored value is as low; None for no target.
        max_seconds: stop at the first opportunity after that time, compilation included; None for no limit.
        rollbacks: how often a loss that is not finite sends the run back to its best weights, at a tenth of the rate, before it gives up.

    Example:
        >>> Plan(max_epochs=10, batch_size=32).patience is None
        True
    """

    max_epochs: PositiveInt
    batch_size: PositiveInt
    patience: PositiveInt | None = None
    tol: NonNegative = 0.0
    target_loss: float | None = None
    max_seconds: Positive | None = None
    rollbacks: int = 3


class Progress(NamedTuple):
    """What a callback is told after each epoch.

    Attributes:
        epoch: how many epochs are over.
        n_epochs: how many there will be at most.
        terms: the epoch's values by name, `val_` before those of the validation rows.
        seconds: since training began.
        seconds_left: until the last epoch at this pace.
        rollbacks: how often the run has been sent back so far.
    """

    epoch: int
    n_epochs: int
    terms: dict[str, float]
    seconds: float
    seconds_left: float
    rollbacks: int


Status = Literal["running", "max_epochs", "patience", "target_loss", "diverged", "max_seconds", "interrupted"]
STATUSES: tuple[Status, ...] = ("running", "max_epochs", "patience", "target_loss", "diverged", "max_seconds", "interrupted")


class Limits(NamedTuple):
    """The plan's numbers as the compiled program takes them."""

    max_epochs: Any
    n_batches: Any
    patience: Any
    tol: Any
    target_loss: Any
    rollbacks: Any
