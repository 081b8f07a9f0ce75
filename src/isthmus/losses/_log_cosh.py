import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Outputs, PerRow, Positive, Tree

from ._base import AbstractLoss


class LogCosh(AbstractLoss):
    """Half the squared error of small errors, linear in large ones, with no seam between: robust and smooth to every order.

    With `e = x - y`: `sum_j width^2 log cosh(e_j / width)`, which is nearly `e^2 / 2` for errors far below `width` and
    `width (|e| - width log 2)` far above it. Its slope is `width tanh(e / width)`, so that no error pulls harder than one of `width`.
    The best guess lies between the conditional mean (large `width`) and the conditional median (small). Take it for `Huber` where an
    optimizer looks at curvature, or where nobody knows at which error outliers begin; it costs an exponential and a logarithm a value.

    Attributes:
        width: where small errors end, in the unit of the data as the user gives them; an estimator that scales the data scales it
            too, and the `rescaled` loss then holds an array, one width a feature.

    References:
        Saleh & Saleh, Statistical Properties of the log-cosh Loss Function Used in Machine Learning, 2022. arXiv:2208.04564. There
        the width is 1.

    Example:
        >>> import jax.numpy as jnp
        >>> small, large = LogCosh(width=2.0)((), jnp.zeros((2, 1)), jnp.asarray([[0.01], [100.0]]))
        >>> round(float(small), 6), round(float(large), 2)  # 0.01^2 / 2, and 2 (100 - 2 log 2)
        (5e-05, 197.23)
    """

    width: Positive = 1.0

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        size = jnp.abs(outputs - x) / self.width
        # log cosh u = u + log((1 + exp(-2 u)) / 2): finite for every error, and written so that small errors keep their digits.
        return sum_features(jnp.square(self.width) * (size + jnp.log1p(0.5 * jnp.expm1(-2.0 * size))))

    def mean(self, outputs: Outputs) -> Data:
        return outputs

    def rescaled(self, scale: np.ndarray | Array) -> "LogCosh":
        return jax.tree.map(lambda width: width * scale, self)
