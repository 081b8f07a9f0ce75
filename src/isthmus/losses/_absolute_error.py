import jax.numpy as jnp

from isthmus._numerics import sum_features
from isthmus._types import Data, Outputs, PerRow, Tree

from ._base import AbstractLoss


class AbsoluteError(AbstractLoss):
    """The absolute error, summed over features: the best guess is the conditional median.

    `sum_j |x_j - y_j|`. A gross outlier pulls no harder than a small error does; in exchange the gradient does not shrink near
    the minimum, so that a decreasing schedule of the rate pays. Errors below 1 cost more than their squares, not less. The output
    bias starts at the data's mean, not at the median: the mean is known without sorting the data, and training moves it.

    References:
        Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, section 10.6.

    Example:
        >>> import jax.numpy as jnp
        >>> float(AbsoluteError()((), jnp.zeros((1, 4)), jnp.full((1, 4), 0.5))[0])
        2.0
    """

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        return sum_features(jnp.abs(outputs - x))

    def mean(self, outputs: Outputs) -> Data:
        return outputs
