"""Mixtures of diagonal normal distributions, as two priors use them."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._gaussians import log_shares
from isthmus._types import Code, Key, PerRow, Shape

__all__ = ["Components"]


class Components(NamedTuple):
    """Components of a mixture.

    Attributes:
        logits: (n_components,), unnormalized logarithms of their shares.
        mean: (n_components, n_dims).
        log_scale: (n_components, n_dims), logarithms of standard deviations.
    """

    logits: Any
    mean: Any
    log_scale: Any

    def log_prob(self, code: Code) -> PerRow:
        """The log-density of codes (..., n_dims) in nats."""
        squares = _squares(code, self.mean, jnp.exp(-self.log_scale))
        constant = 0.5 * self.mean.shape[1] * math.log(2.0 * math.pi) + jnp.sum(self.log_scale, axis=1)
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) - constant - 0.5 * squares, axis=-1)

    def sample(self, shape: Shape, *, key: Key) -> Code:
        """Codes of shape `shape`, (n, n_dims)."""
        which, noise = jax.random.split(key)
        chosen = jax.random.categorical(which, self.logits, shape=shape[:1])
        return self.mean[chosen] + jnp.exp(self.log_scale[chosen]) * jax.random.normal(noise, shape)

    @classmethod
    def of_mixture(cls, shares: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> "Components":
        """Components with shares (components,), means (components, dims) and the diagonals of covariances (components, dims, dims)."""
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        return cls(log_shares(shares), mean.astype(np.float32), (0.5 * np.log(variance)).astype(np.float32))


@jax.custom_jvp
def _squares(code: Any, mean: Any, inverse: Any) -> Any:
    """`|(z - m_k) / s_k|^2` of codes (..., n_dims) and components, (..., n_components)."""

    # By differences, a dimension at a time. As `|z|^2 - 2 z m + |m|^2` it would be two products, but where components are narrow and not at
    # the origin these cancel: at a scale of 0.001 the density would be off by several nats, and an estimate by its largest error.
    def add(total: Any, each: Any) -> Any:
        z, m, w = each
        return total + jnp.square((z[..., None] - m) * w), None

    start = jnp.zeros((*code.shape[:-1], mean.shape[0]), code.dtype)
    return jax.lax.scan(add, start, (jnp.moveaxis(code, -1, 0), mean.T, inverse.T))[0]


@_squares.defjvp
def _(primals: Any, tangents: Any) -> Any:
    # By products, a fifth of the time of differences: a slope's rounding does not add up to a bias.
    (code, mean, inverse), (d_code, d_mean, d_inverse) = primals, tangents
    precision, d_precision = jnp.square(inverse), 2.0 * inverse * d_inverse
    by_code = 2.0 * (_product(code * d_code, precision) - _product(d_code, mean * precision))
    by_mean = 2.0 * (jnp.sum(mean * d_mean * precision, axis=1) - _product(code, d_mean * precision))
    by_precision = _product(jnp.square(code), d_precision) - 2.0 * _product(code, mean * d_precision)
    return _squares(*primals), by_code + by_mean + by_precision + jnp.sum(jnp.square(mean) * d_precision, axis=1)


def _product(values: Any, components: Any) -> Any:
    return jnp.matmul(values, components.T, precision="highest")
