import math

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Tree
from isthmus.errors import DataError

from ._base import Domain, check_domain
from ._base_likelihood import AbstractLikelihood

# A column that was always zero has an infinite log-rate. At one in a million a zero costs as many nats, and a first one costs 14.
_LOWEST_RATE = 1e-6
# Beyond it the cost goes on as a straight line. The highest rate, 1e13, is more than float32 can count, and its square is finite there.
_HIGHEST_LOG_RATE = 30.0
# From here on Stirling's series to its third term is exact to 3e-10.
_MANY = 8.0


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
        check_domain(self, rows)
        if rows.size and float(rows.max()) > math.exp(_HIGHEST_LOG_RATE):
            raise DataError(
                f"The loss {self!r} takes counts up to {math.exp(_HIGHEST_LOG_RATE):.1g}; got values up to {float(rows.max()):.6g}. "
                "Give them in a larger unit, such as thousands; or choose another loss, such as 'squared_error'."
            )

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        log_rate = jnp.minimum(outputs, _HIGHEST_LOG_RATE)
        x = jnp.maximum(x, 0.0)  # what rounding left of a zero that was scaled and scaled back
        few = jnp.exp(log_rate) - x * log_rate + jax.lax.lgamma(x + 1.0)
        # For many counts these terms are large and nearly cancel. With d = l - log x the cost is x (exp(d) - 1 - d), of which float32
        # keeps the digits, and the cost of the rate x itself, by Stirling's series.
        many = jnp.maximum(x, _MANY)
        excess = log_rate - jnp.log(many)
        series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * many * many)) / (many * many)) / many
        lowest = 0.5 * jnp.log(2.0 * math.pi * many) + series
        cost = jnp.where(x < _MANY, few, many * (jnp.expm1(excess) - excess) + lowest)
        return sum_features(cost + jnp.maximum(outputs - _HIGHEST_LOG_RATE, 0.0) * (math.exp(_HIGHEST_LOG_RATE) - x))

    def mean(self, outputs: Outputs) -> Data:
        return jnp.exp(jnp.minimum(outputs, _HIGHEST_LOG_RATE))

    @property
    def is_density(self) -> bool:
        return False

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        return jax.random.poisson(key, self.mean(outputs)).astype(outputs.dtype)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(mean, _LOWEST_RATE))
