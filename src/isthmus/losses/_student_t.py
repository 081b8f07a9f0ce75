import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Positive, Tree

from ._base_likelihood import AbstractLikelihood


class StudentT(AbstractLikelihood):
    """How much less likely an error is than none under Student's t, in nats: heavy tails, so that outliers are nearly ignored.

    With `e = x - y`: `sum_j (nu + 1) / 2 * log(1 + e_j^2 / (nu scale^2))`, `nu` being `degrees_of_freedom`. Its slope is largest at
    `|e| = scale sqrt(nu)` and fades as `(nu + 1) / |e|` beyond, so that a gross error pulls less than a middling one. The best guess is
    the maximum-likelihood location of the t distribution: near the mean of the values that belong together. It is not convex; unlike
    `Correntropy` it never lets go of a value altogether. With many degrees of freedom it is `e^2 / (2 scale^2)`, a Gaussian's. It costs
    a logarithm a value.

    It is minus the log-density up to a constant, chosen so that a perfect reconstruction costs nothing and that the cost is the
    same in every unit of the data. `log_prob` is the log-density itself: minus the cost, and for each value minus
    `log(scale) + log(nu pi) / 2 + lgamma(nu / 2) - lgamma((nu + 1) / 2)`.

    Attributes:
        degrees_of_freedom: how heavy the tails are: 1 is Cauchy's distribution, infinity the normal one; 4 has served well for real data.
        scale: of the errors that are no outliers, in the unit of the data as the user gives them; an estimator that scales the data
            scales it too, and the `rescaled` loss then holds an array, one scale a feature.

    References:
        Lange, Little & Taylor, Robust Statistical Modeling Using the t Distribution, Journal of the American Statistical Association 84,
        1989. There both fields are estimated; here they are given, and may be searched over without compiling anew.

    Example:
        >>> import jax.numpy as jnp
        >>> cost = StudentT(degrees_of_freedom=1.0)((), jnp.zeros((2, 1)), jnp.asarray([[1.0], [1000.0]]))
        >>> [round(float(value), 2) for value in cost]  # log 2, and about 2 log 1000
        [0.69, 13.82]
    """

    degrees_of_freedom: Positive = 4.0
    scale: Positive = 1.0

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        error = (outputs - x) / self.scale
        halved = 0.5 * (self.degrees_of_freedom + 1.0)
        return sum_features(halved * jnp.log1p(jnp.square(error) / self.degrees_of_freedom))

    def log_prob(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        nu = self.degrees_of_freedom
        constant = jnp.log(self.scale) + 0.5 * jnp.log(nu * math.pi) + jax.lax.lgamma(0.5 * nu) - jax.lax.lgamma(0.5 * (nu + 1.0))
        return -self(weights, outputs, x) - sum_features(jnp.broadcast_to(constant, x.shape))

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        return outputs + self.scale * jax.random.t(key, self.degrees_of_freedom, outputs.shape)

    def mean(self, outputs: Outputs) -> Data:
        return outputs

    def rescaled(self, scale: np.ndarray | Array) -> "StudentT":
        return jax.tree.unflatten(jax.tree.structure(self), [self.degrees_of_freedom, self.scale * scale])
