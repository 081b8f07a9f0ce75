import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Positive, Shape, Tree

from ._base import AbstractLoss
from ._base_likelihood import AbstractLikelihood
from ._spread import Spread, learned_spread, location, location_shape, location_start, log_spread, spread_link


class Laplace(AbstractLikelihood):
    """Minus the log-density of independent Laplace errors, in nats, summed over features: the likelihood of the absolute error.

    `sum_j |x_j - y_j| / b_j + log(2 b_j)`. Errors have heavier tails than a normal one's, and a standard deviation of `sqrt(2) b`. The best
    guess is the conditional median, which gross errors do not pull at; `mean` is that location, also the mean of the distribution.
    With `b = 1` it is `AbsoluteError` and a constant. The scale decides how much a reconstruction weighs against a divergence; a learned
    one is the mean absolute error. For real-valued rows with outliers, and images whose edges should stay sharp.

    Attributes:
        scale: `b`, in the unit of the data, where `spread` is "fixed".
        spread: "fixed"; "shared", one scale for all values, learned with the networks; "per_feature", one for each feature, learned; or
            "per_value", which the decoder gives with each location, after all the locations. Learned ones begin at about 1 in the unit
            of the scaled data and stay above 0.0025.

    References:
        Laplace, Mémoire sur la probabilité des causes par les évènements, 1774. That learned scales are bounded from below, softly, is
        of Rybkin, Daniilidis & Levine, Simple and Effective VAE Training with Calibrated Decoders, 2021, arXiv:2006.13202, who do it
        for the normal distribution.

    Example:
        >>> import jax.numpy as jnp
        >>> cost = Laplace(scale=2.0)((), jnp.zeros((1, 1)), jnp.asarray([[3.0]]))
        >>> round(float(cost[0]), 4)  # 3/2 + log 4
        2.8863
    """

    scale: Positive = 1.0
    spread: Spread = "fixed"

    @property
    def link(self) -> str:
        return spread_link(self.spread)

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        return learned_spread(self.spread, shape)

    def output_shape(self, shape: Shape) -> Shape:
        return location_shape(self.spread, shape)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        log_scale = log_spread(self.spread, self.scale, weights, outputs)
        return sum_features(jnp.abs(x - self.mean(outputs)) * jnp.exp(-log_scale) + log_scale + math.log(2.0))

    def mean(self, outputs: Outputs) -> Data:
        return location(self.spread, outputs)

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        center = self.mean(outputs)
        return center + jnp.exp(log_spread(self.spread, self.scale, weights, outputs)) * jax.random.laplace(key, center.shape)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return location_start(self.spread, mean)

    def rescaled(self, scale: np.ndarray | Array) -> AbstractLoss:
        return jax.tree.unflatten(jax.tree.structure(self), [self.scale * scale]) if self.spread == "fixed" else self
