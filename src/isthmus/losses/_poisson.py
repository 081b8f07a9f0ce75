import math

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Tree

from ._base import Domain
from ._base_likelihood import AbstractLikelihood
from ._counts import HIGHEST_LOG_RATE, MANY, check_counts, draw_counts, excess, log_rates, lowest_cost, rates


class Poisson(AbstractLikelihood):
    """Minus the log-likelihood of counts in nats, summed over features: raw outputs are logarithms of rates.

    `sum_j (exp(l_j) - x_j l_j + log x_j!)`, and the reconstruction is the rate `exp(l)`, the conditional mean. For counts, whose spread
    grows with their size: words, molecules, events. It sees the counts as they came, while the encoder sees them scaled; large
    counts would dominate a squared error, and a logarithm of the data cannot take zeros. Values between integers are taken as they
    are: the best guess is still the mean. Log-rates above 30 go on in a straight line instead of overflowing, and such rates stay
    at `exp(30)`, 1e13. It costs three transcendental functions a value.

    References:
        McCullagh & Nelder, Generalized Linear Models, 1989, chapter 6.

    Example:
        >>> import jax.numpy as jnp
        >>> cost = Poisson()((), jnp.zeros((1, 3)), jnp.asarray([[0.0, 1.0, 2.0]]))
        >>> round(float(cost[0]), 4)  # rates of 1: 3 + log 2
        3.6931
    """

    @property
    def link(self) -> str:
        return "exp"

    @property
    def domain(self) -> Domain:
        return "nonnegative"

    def check_rows(self, rows: np.ndarray) -> None:
        check_counts(self, rows)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        log_rate = jnp.minimum(outputs, HIGHEST_LOG_RATE)
        x = jnp.maximum(x, 0.0)  # what rounding left of a zero that was scaled and scaled back
        few = jnp.exp(log_rate) - x * log_rate + jax.lax.lgamma(x + 1.0)
        # For many counts these terms are large and nearly cancel. With d = l - log x the cost is x (exp(d) - 1 - d), of which float32
        # keeps the digits, and the cost of the rate x itself, by Stirling's series.
        many = jnp.maximum(x, MANY)
        cost = jnp.where(x < MANY, few, many * excess(log_rate - jnp.log(many)) + lowest_cost(many))
        return sum_features(cost + jnp.maximum(outputs - HIGHEST_LOG_RATE, 0.0) * (math.exp(HIGHEST_LOG_RATE) - x))

    def mean(self, outputs: Outputs) -> Data:
        return rates(outputs)

    @property
    def is_density(self) -> bool:
        return False

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        return draw_counts(self.mean(outputs), key=key)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return log_rates(mean)
