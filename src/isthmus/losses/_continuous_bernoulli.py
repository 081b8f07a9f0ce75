from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Tree

from ._base import Domain
from ._base_likelihood import AbstractLikelihood

# Nearer to 0 or 1 a mean has a logit of more than 100, and a value at the other end costs as many nats. The density grows without bound
# there, so that a column that never varied would begin where no gradient brings it back from.
_LOWEST_MEAN = 0.01
# Below it the logarithm of the normalizer and the mean come from their series, which is exact to 1e-9 at 1.
_SMALL = 1.0
_TINY = 1e-6
# The mean at this logit is 1/101 from an end, and halving the interval so often leaves what float64 cannot tell apart.
_HIGHEST_LOGIT = 101.0
_HALVINGS = 60


class ContinuousBernoulli(AbstractLikelihood):
    """Minus the log-density of values in [0, 1], in nats, summed over features: the cross-entropy with the normalizer it lacks.

    With raw outputs `l`, logits of a parameter `p`: `sum_j log((exp(l_j) - 1) / l_j) - x_j l_j`, which is the cross-entropy of
    `Bernoulli` minus `log C(p)`, `C(p) = 2 artanh(1 - 2 p) / (1 - 2 p)`. The density rises or falls exponentially over [0, 1] and is
    uniform at `l = 0`. The reconstruction is the mean of the distribution, `1 / (1 - exp(-l)) - 1 / l`, which is nearer to one half
    than `p` is. For grey values and shares under a `Gaussian` bottleneck, where
    `Bernoulli` is no likelihood. Where all values are 0 or 1 the density has no bound: use `Bernoulli`.

    References:
        Loaiza-Ganem & Cunningham, The Continuous Bernoulli: Fixing a Pervasive Error in Variational Autoencoders, 2019, arXiv:1907.06845.
        There the normalizer near `p = 1/2` is a Taylor series in `p` to the second term; here it is one in the logit to the fifth, and
        elsewhere a form that is finite for every logit, where `p` would round to 1. Means of columns begin within [0.01, 0.99].

    Example:
        >>> import jax.numpy as jnp
        >>> loss = ContinuousBernoulli()
        >>> float(loss((), jnp.zeros((1, 2)), jnp.asarray([[0.3, 1.0]]))[0])  # uniform
        0.0
        >>> round(float(loss.mean(jnp.asarray([[2.0]]))[0, 0]), 4)  # 1 / (1 - exp(-2)) - 1 / 2
        0.6565
    """

    @property
    def link(self) -> str:
        return "continuous_bernoulli"

    @property
    def domain(self) -> Domain:
        return "unit_interval"

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        # log((exp(l) - 1) / l) = l / 2 + log(sinh(l / 2) / (l / 2)), whose second half is even in l.
        size = jnp.maximum(jnp.abs(outputs), _SMALL)
        far = 0.5 * size - jnp.log(size) + jnp.log1p(-jnp.exp(-size))
        square = jnp.square(jnp.clip(outputs, -_SMALL, _SMALL))
        near = square * (1 / 24 - square * (1 / 2880 - square * (1 / 181440 - square * (1 / 9676800 - square / 479001600))))
        return sum_features((0.5 - x) * outputs + jnp.where(jnp.abs(outputs) < _SMALL, near, far))

    def mean(self, outputs: Outputs) -> Data:
        return _mean(outputs, jnp)

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        # The inverse of (1 - exp(-|l| x)) / (1 - exp(-|l|)), which is the distribution function for negative logits.
        size = jnp.maximum(jnp.abs(outputs), _TINY)
        lower = -jnp.log1p(jax.random.uniform(key, outputs.shape, outputs.dtype) * jnp.expm1(-size)) / size
        return jnp.clip(jnp.where(outputs > 0.0, 1.0 - lower, lower), 0.0, 1.0)

    def start(self, mean: np.ndarray) -> np.ndarray:
        inside = np.clip(mean, _LOWEST_MEAN, 1.0 - _LOWEST_MEAN)
        low, high = np.full_like(inside, -_HIGHEST_LOGIT), np.full_like(inside, _HIGHEST_LOGIT)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            above = _mean(middle, np) > inside
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return 0.5 * (low + high)


def _mean(logit: Any, numpy: Any) -> Any:
    """The mean at a logit, by `numpy`: JAX's in the program, NumPy's on the host."""
    size = numpy.maximum(numpy.abs(logit), _SMALL)
    from_the_end = 1.0 / size + numpy.exp(-size) / numpy.expm1(-size)
    far = numpy.where(logit > 0.0, 1.0 - from_the_end, from_the_end)
    inside = numpy.clip(logit, -_SMALL, _SMALL)
    square = inside * inside
    slope = 1 / 12 - square * (1 / 720 - square * (1 / 30240 - square * (1 / 1209600 - square / 47900160)))
    return numpy.where(numpy.abs(logit) < _SMALL, 0.5 + inside * slope, far)
