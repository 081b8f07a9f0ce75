import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Outputs, PerRow, Positive, Tree

from ._base import AbstractLoss


class Huber(AbstractLoss):
    """Half the squared error up to a threshold and linear beyond it, summed over features: smooth, yet hard to pull by outliers.

    With `e = x - y`: `e^2 / 2` where `|e| <= delta`, and `delta (|e| - delta / 2)` elsewhere; value and slope agree where the two
    meet. A large `delta` gives half the squared error, a small one `delta` times the absolute error.

    Attributes:
        delta: the threshold, in the unit of the data as the user gives them; an estimator that scales the data scales it too, and the
            `rescaled` loss then holds an array of thresholds, one a feature. For columns of different units, standardize them first.

    References:
        Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964.

    Example:
        >>> import jax.numpy as jnp
        >>> float(Huber(delta=1.0)((), jnp.zeros((1, 2)), jnp.asarray([[0.5, 3.0]]))[0])
        2.625
    """

    delta: Positive = 1.0

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        error = jnp.abs(outputs - x)
        inside = jnp.minimum(error, self.delta)
        return sum_features(inside * (error - 0.5 * inside))

    def mean(self, outputs: Outputs) -> Data:
        return outputs

    def rescaled(self, scale: np.ndarray | Array) -> "Huber":
        return jax.tree.map(lambda delta: delta * scale, self)
