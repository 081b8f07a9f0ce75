from typing import Annotated, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Interval, Key, Outputs, PerRow, PositiveInt, Shape, Tree
from isthmus.errors import DataError

from ._base import Domain, check_domain
from ._base_likelihood import AbstractLikelihood
from ._spread import softly_between, with_blocks

Levels: TypeAlias = Annotated[int, Interval(2, float("inf"), open_high=True)]

# Of logistic scales, in halves of the range of levels: a ninth of a level of 256; and 20, where a component is flat within the range.
_LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE = -7.0, 3.0
# Scales of the first component and the last before anything is learned. Different ones, so that the components learn different things.
_FIRST_SCALES = (0.125, 0.5)
# A column that never varied has means at an infinite distance. As near as this to an end a surprise costs some 15 nats.
_NEAREST = 1e-6
_NEWTON_STEPS = 6
# Thresholds whose terms of the mean are summed one by one; beyond 8 levels from the mean of a component an integral is exact to 1e-5.
_WINDOW = 16


class Mixture(NamedTuple):
    """What raw outputs stand for, each (..., components, features): logarithms of shares, and means and scales in levels."""

    log_share: Array
    mean: Array
    scale: Array


class DiscretizedLogisticMixture(AbstractLikelihood):
    """Minus the log-probability of whole levels, such as 8-bit images, under a mixture of rounded logistic variables, in nats.

    `-sum_j log sum_k p_jk (sigmoid((x_j + 1/2 - m_jk) / s_jk) - sigmoid((x_j - 1/2 - m_jk) / s_jk))`; the lowest level takes all below
    it, the highest all above, so that the levels' probabilities sum to one. Several peaks can be likely at once, and neighboring levels
    are likely together, which classes for each level would have to learn. Raw outputs hold for each value the components' log-shares,
    their means, of which -1 and 1 are the lowest and highest level, and the logarithms of their scales in the same unit: blocks along
    the last axis, `3 n_components` times as many as values. It sees the levels as they came, while the encoder sees them scaled. Bits a
    value are nats over `log 2`. The reconstruction is the mean of the distribution over levels, to a thousandth of a
    level.

    Attributes:
        n_components: how many logistic variables are mixed; 5 are enough for most pixels, the paper has 5 and 10.
        n_levels: values are whole numbers from 0 to one less.

    References:
        Salimans, Karpathy, Chen & Kingma, PixelCNN++, 2017, arXiv:1701.05517, section 2.1. There the means of green and blue depend on
        the channels before, as in an autoregressive network; here channels are independent given the code. There scales are cut
        off at exp(-7); here they are bent there, and at exp(3). There the density stands in for probabilities below 1e-5; here the
        logarithm of the difference is exact, `log sigmoid(a) + log sigmoid(-b) + log(1 - exp(b - a))`.

    Example:
        >>> import jax.numpy as jnp
        >>> loss = DiscretizedLogisticMixture(n_components=1, n_levels=2)
        >>> cost = loss((), jnp.zeros((1, 3)), jnp.asarray([[1.0]]))
        >>> round(float(cost[0]), 3)  # as likely as not: log 2
        0.693
    """

    n_components: PositiveInt = 5
    n_levels: Levels = 256

    @property
    def link(self) -> str:
        return f"discretized_logistic_mixture({self.n_components}, {self.n_levels})"

    @property
    def domain(self) -> Domain:
        return "nonnegative"

    @property
    def is_density(self) -> bool:
        return False

    def check_rows(self, rows: np.ndarray) -> None:
        check_domain(self, rows)
        fault = None
        if rows.size and float(rows.max()) > self.n_levels - 1:
            fault = f"values up to {float(rows.max()):.6g}"
        elif np.any(rows != np.round(rows)):
            fault = f"{float(rows[rows != np.round(rows)][0]):.6g}"
        if fault:
            raise DataError(
                f"The loss {self!r} is defined for whole numbers from 0 to {self.n_levels - 1}; got {fault}. Give images as they came, "
                "such as bytes, not scaled; set `n_levels`; or choose another loss, such as 'continuous_bernoulli' for values in [0, 1]."
            )

    def output_shape(self, shape: Shape) -> Shape:
        return with_blocks(shape, 3 * self.n_components)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        mixture = self._mixture(outputs)
        level = jnp.round(x)[..., None, :]  # what scaling and scaling back left of a whole number
        up, down = ((level + half - mixture.mean) / mixture.scale for half in (0.5, -0.5))
        is_lowest, is_highest = level < 0.5, level > self.n_levels - 1.5
        below = jnp.where(is_highest, 0.0, jax.nn.log_sigmoid(up))
        above = jnp.where(is_lowest, 0.0, jax.nn.log_sigmoid(-down))
        between = jnp.where(is_lowest | is_highest, 0.0, jnp.log(-jnp.expm1(-1.0 / mixture.scale)))
        return -sum_features(jax.nn.logsumexp(mixture.log_share + below + above + between, axis=-2))

    def mean(self, outputs: Outputs) -> Data:
        mixture = self._mixture(outputs)
        means = _level_mean(mixture.mean, mixture.scale, self.n_levels)
        return jnp.sum(jnp.exp(mixture.log_share) * means, axis=-2)

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        share_key, level_key = jax.random.split(key)
        mixture = self._mixture(outputs)
        chosen = jax.random.categorical(share_key, mixture.log_share, axis=-2)[..., None, :]
        mean, scale = (jnp.take_along_axis(values, chosen, axis=-2)[..., 0, :] for values in (mixture.mean, mixture.scale))
        drawn = mean + scale * jax.random.logistic(level_key, mean.shape, mean.dtype)
        return jnp.clip(jnp.round(drawn), 0.0, self.n_levels - 1.0)

    def start(self, mean: np.ndarray) -> np.ndarray:
        # Each component has the mean that is asked for, at a scale of its own of one level or more.
        free = np.maximum(np.log(np.geomspace(*_FIRST_SCALES, self.n_components)), -np.log(self._half))
        scales = np.asarray(self._scale(jnp.asarray(free)), np.float64)
        places = [_place_of(mean, scale, self.n_levels) / self._half - 1.0 for scale in scales]
        widths = [np.full_like(mean, log_scale) for log_scale in free]
        return np.concatenate([np.zeros_like(mean)] * self.n_components + places + widths, axis=-1)

    @property
    def _half(self) -> float:
        """Half of the range of levels."""
        return 0.5 * (self.n_levels - 1)

    def _scale(self, free: Any) -> Any:
        return self._half * jnp.exp(softly_between(free, _LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE))

    def _mixture(self, outputs: Outputs) -> Mixture:
        blocks = jnp.reshape(outputs, (*outputs.shape[:-1], 3, self.n_components, -1))
        share, mean, log_scale = (blocks[..., index, :, :] for index in range(3))
        return Mixture(jax.nn.log_softmax(share, axis=-2), self._half * (1.0 + mean), self._scale(log_scale))


def _level_mean(mean: Array, scale: Array, n_levels: int) -> Array:
    """The mean of a rounded logistic variable between 0 and `n_levels - 1`: the sum over thresholds of the chances to be above.

    Those near the mean are summed; the others by the midpoint rule and its first correction (Euler and Maclaurin), whose next is below
    1e-5 at the window's ends for any scale.
    """
    n_near = min(_WINDOW, n_levels - 1)
    start = jnp.clip(jnp.floor(mean) - n_near // 2, 0.0, n_levels - 1.0 - n_near)
    total = _tail(mean, scale, start) - _tail(mean, scale, 0.0) + _tail(mean, scale, n_levels - 1.0) - _tail(mean, scale, start + n_near)
    for index in range(n_near):
        total = total + jax.nn.sigmoid((mean - start - index - 0.5) / scale)
    return total


def _tail(mean: Any, scale: Any, end: Any) -> Any:
    """What the thresholds below `end` sum to, up to a constant, if each stands for an interval of length one."""
    position = (mean - end) / scale
    chance = jax.nn.sigmoid(position)
    return -scale * jax.nn.softplus(position) + chance * (1.0 - chance) / (24.0 * scale)


def _place_of(mean: np.ndarray, scale: float, n_levels: int) -> np.ndarray:
    """Where a logistic variable lies whose rounded mean is `mean`: by the integral, and then by Newton's steps on the sum."""
    highest = n_levels - 1.0
    mean = np.clip(mean, _NEAREST, highest - _NEAREST)
    place = scale * (np.log(np.expm1(mean / scale)) - np.log(-np.expm1((mean - highest) / scale)))
    thresholds = np.arange(1, n_levels) - 0.5
    for _ in range(_NEWTON_STEPS):
        chances = 1.0 / (1.0 + np.exp((thresholds - place[..., None]) / scale))
        slope = np.sum(chances * (1.0 - chances), axis=-1) / scale
        place = place - (np.sum(chances, axis=-1) - mean) / slope
    return place
