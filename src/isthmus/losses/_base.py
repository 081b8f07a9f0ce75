import abc
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Array

from isthmus._component import Component
from isthmus._types import Data, Mask, Outputs, PerRow, Shape, Tree
from isthmus.errors import DataError

Domain: TypeAlias = Literal["real", "unit_interval", "nonnegative"]

_ROUNDING = 1e-6


class AbstractLoss(Component):
    """What a wrong reconstruction costs, per row and summed over features."""

    @property
    def link(self) -> str:
        """What turns raw outputs into data: the activation that is the inverse of the loss's natural parameter."""
        return "identity"

    @property
    def domain(self) -> Domain:
        """The values that the loss is defined for: all, those in [0, 1] (of scaled rows), or those from 0 on (of rows as they came).

        Rows of a loss for values from 0 on, such as counts, are scaled for the encoder alone; the loss takes them as they came.
        """
        return "real"

    @property
    def is_bounded(self) -> bool:
        """Whether even the worst reconstruction costs no more than some amount: a gross error then no longer pulls."""
        return False

    @property
    def is_separable(self) -> bool:
        """Whether a row's cost is the sum of what its values cost alone, each with its own output."""
        return True

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        """The loss's own weights (a learned scale, say); `()` for none."""
        return ()

    def init_state(self, shape: Shape) -> Tree:
        """What the loss learns without a gradient; `()` for nothing."""
        return ()

    def next_state(self, weights: Tree, state: Tree, outputs: Any, x: Data, mask: Mask) -> Tree:
        """The state after a batch in training; `mask` is what rows count, `outputs` may have an axis of samples before that of rows."""
        return state

    def at_state(self, weights: Tree, state: Tree) -> Tree:
        """The weights that the other methods are given; those learned by gradient unless the state holds some."""
        return weights

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the raw outputs for data of `shape`; the same unless each value needs several numbers."""
        return shape

    def check_rows(self, rows: np.ndarray) -> None:
        """Refuse rows that the loss is not defined for, with a `DataError`; it is asked before training, some rows at a time.

        Args:
            rows: float64, in the unit in which the loss sees them.
        """
        check_domain(self, rows)

    @abc.abstractmethod
    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        """The cost of each row, unweighted, summed over its features."""

    @abc.abstractmethod
    def mean(self, outputs: Outputs) -> Data:
        """The reconstruction that raw `outputs` stand for."""

    def start(self, mean: np.ndarray) -> np.ndarray:
        """Raw outputs whose `mean` is `mean`: where the decoder's output bias begins."""
        return mean

    def rescaled(self, scale: np.ndarray | Array) -> "AbstractLoss":
        """The same loss for data multiplied by `scale`: thresholds in the data's unit are multiplied as well."""
        return self


def check_domain(loss: AbstractLoss, rows: np.ndarray) -> None:
    """Refuse rows outside of a loss's domain."""
    if loss.domain == "real" or not rows.size:
        return
    low, high = float(rows.min()), float(rows.max())
    if loss.domain == "nonnegative" and low < 0.0:
        raise DataError(
            f"The loss {loss!r} is defined for values of 0 and more, such as counts; got values down to {low:.6g}. Give the counts "
            "themselves, not scaled or centered; or choose another loss, such as 'squared_error'."
        )
    if loss.domain == "unit_interval" and (low < -_ROUNDING or high > 1.0 + _ROUNDING):
        raise DataError(
            f"The loss {loss!r} is defined for values in [0, 1]; the scaled rows lie in [{low:.6g}, {high:.6g}]. "
            "Clip them; or use scaling='unit_range' or 'min_max' and fit on all of them; or another loss, such as 'squared_error'."
        )
