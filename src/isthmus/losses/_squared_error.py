import jax.numpy as jnp

from isthmus._numerics import sum_features
from isthmus._types import Data, Outputs, PerRow, Tree

from ._base import AbstractLoss


class SquaredError(AbstractLoss):
    """The squared error, summed over features: the best guess is the conditional mean.

    `sum_j (x_j - y_j)^2`. Divide by the number of features for the mean squared error. It is not a likelihood.

    References:
        Goodfellow, Bengio & Courville, Deep Learning, 2016, section 5.5.1.

    Example:
        >>> import jax.numpy as jnp
        >>> float(SquaredError()((), jnp.zeros((1, 4)), jnp.full((1, 4), 0.5))[0])
        1.0
    """

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        return sum_features(jnp.square(outputs - x))

    def mean(self, outputs: Outputs) -> Data:
        return outputs
