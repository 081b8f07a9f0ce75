import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Outputs, PerRow, Positive, Tree

from ._base import AbstractLoss


class Charbonnier(AbstractLoss):
    """The absolute error, rounded off where it has its kink: the best guess is nearly the conditional median, and descent settles.

    With `e = x - y`: `sum_j (sqrt(e_j^2 + width^2) - width)`, which is nearly `|e| - width` for errors far above `width` and
    `e^2 / (2 width)` far below. No slope exceeds 1. Take it for `AbsoluteError` where fine detail counts, as in images; it costs a square
    root a value. With a `width` about as large as the errors it is a smooth `Huber`, divided by the width.

    Attributes:
        width: where the kink is rounded off, in the unit of the data as the user gives them; an estimator that scales the data scales
            it too, and the `rescaled` loss then holds an array, one width a feature.

    References:
        Charbonnier, Blanc-Feraud, Aubert & Barlaud, Two Deterministic Half-Quadratic Regularization Algorithms for Computed Imaging,
        ICIP 1994; Lai, Huang, Ahuja & Yang, Deep Laplacian Pyramid Networks, 2017, arXiv:1704.03915, from which the default is, for
        images in [0, 1]. Neither takes off `width`; here it is, so that a perfect reconstruction costs nothing.

    Example:
        >>> import jax.numpy as jnp
        >>> float(Charbonnier(width=3.0)((), jnp.zeros((1, 1)), jnp.full((1, 1), 4.0))[0])  # sqrt(16 + 9) - 3
        2.0
    """

    width: Positive = 1e-3

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        squares = jnp.square(outputs - x)
        # sqrt(e^2 + w^2) - w, without the difference, in which small errors would lose their digits.
        return sum_features(squares / (jnp.sqrt(squares + jnp.square(self.width)) + self.width))

    def mean(self, outputs: Outputs) -> Data:
        return outputs

    def rescaled(self, scale: np.ndarray | Array) -> "Charbonnier":
        return jax.tree.map(lambda width: width * scale, self)
