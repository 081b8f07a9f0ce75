from typing import Annotated, TypeAlias

import jax

from isthmus._numerics import sum_features
from isthmus._types import Data, Interval, Outputs, PerRow, Tree

from ._base import AbstractLoss

Level: TypeAlias = Annotated[float, Interval(0.0, 1.0, open_low=True, open_high=True)]


class Quantile(AbstractLoss):
    """The pinball loss, summed over features: the best guess is a conditional quantile.

    With `e = x - y`: `sum_j max(level e_j, (level - 1) e_j)`. Guessing too low costs `level` for each unit, guessing too high
    `1 - level`; a share `level` of the data then lies below its reconstruction. At a level of 1/2 it is half the absolute error. Two
    models, of levels 0.05 and 0.95, enclose nine tenths of the data, each column taken for itself. As with the absolute error, no
    outlier pulls harder than another value, and the gradient does not shrink near the minimum. The output bias starts at the mean.

    Attributes:
        level: the share of the data that is to lie below the reconstruction.

    References:
        Koenker & Bassett, Regression Quantiles, Econometrica 46, 1978.

    Example:
        >>> import jax.numpy as jnp
        >>> too_low, too_high = Quantile(level=0.75)((), jnp.asarray([[0.0], [2.0]]), jnp.ones((2, 1)))
        >>> float(too_low), float(too_high)
        (0.75, 0.25)
    """

    level: Level = 0.5

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        error = x - outputs
        return sum_features(self.level * error + jax.nn.relu(-error))

    def mean(self, outputs: Outputs) -> Data:
        return outputs
