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
        # Two products in the place of a difference for each pair of code and component.
        precision = jnp.exp(-2.0 * self.log_scale)
        products = _product(jnp.square(code), precision) - 2.0 * _product(code, self.mean * precision)
        squares = products + jnp.sum(jnp.square(self.mean) * precision, axis=1)
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


def _product(values: Any, components: Any) -> Any:
    return jnp.matmul(values, components.T, precision="highest")
