import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Outputs, PerRow, Positive, Tree

from ._base import AbstractLoss


class Correntropy(AbstractLoss):
    """Half the squared error of small errors, and no more than a constant for any: gross outliers are left alone entirely.

    With `e = x - y`: `sum_j width^2 (1 - exp(-e_j^2 / (2 width^2)))`, also known as Welsch's loss: nearly `e^2 / 2` for errors far
    below `width`, `width^2` far above. The best guess is a conditional mode: the peak of a Gaussian kernel density of bandwidth `width`.
    It is not convex, and a value whose error is several widths at the start is not learned from at all, be it an outlier or not; begin
    with a `width` about as large as the spread of the data, or scale down from there. It costs an exponential a value.

    Attributes:
        width: beyond how large an error a value counts less and less, in the unit of the data as the user gives them; an estimator that
            scales the data scales it too, and the `rescaled` loss then holds an array, one width a feature.

    References:
        Liu, Pokharel & Principe, Correntropy: Properties and Applications in Non-Gaussian Signal Processing, IEEE Transactions on Signal
        Processing 55, 2007; Qi, Wang, Zheng & Wu, Robust Feature Learning by Stacked Autoencoder with Maximum Correntropy Criterion,
        ICASSP 2014. There the kernel is maximized; here it is taken from its peak and multiplied by `width^2`, so that a large `width`
        gives half the squared error.

    Example:
        >>> import jax.numpy as jnp
        >>> cost = Correntropy(width=2.0)((), jnp.zeros((3, 1)), jnp.asarray([[0.1], [100.0], [1000.0]]))
        >>> [round(float(value), 4) for value in cost]
        [0.005, 4.0, 4.0]
    """

    width: Positive = 1.0

    @property
    def is_bounded(self) -> bool:
        return True

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        error = (outputs - x) / self.width
        return sum_features(-jnp.square(self.width) * jnp.expm1(-0.5 * jnp.square(error)))

    def mean(self, outputs: Outputs) -> Data:
        return outputs

    def rescaled(self, scale: np.ndarray | Array) -> "Correntropy":
        return jax.tree.map(lambda width: width * scale, self)
