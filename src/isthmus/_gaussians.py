"""Mixtures of normal distributions with free covariances, by numbers that may take any value."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Key, Shape

__all__ = ["Normals", "log_shares", "roots_of_precisions"]

_LEAST_SHARE = 1e-12


class Normals(NamedTuple):
    """Components of a normal mixture, by numbers that may take any value.

    Attributes:
        logits: (components,), unnormalized logarithms of their shares.
        mean: (components, dims).
        root: (components, dims, dims), upper triangular roots of precisions, with logarithms on their diagonals.
    """

    logits: Any
    mean: Any
    root: Any

    def log_prob(self, codes: Any) -> Any:
        """The log-density of codes (..., dims) in nats."""
        n_dims, root = self.mean.shape[1], self._roots()
        along = jnp.einsum("...d,kde->...ke", codes, root, precision="highest")
        along = along - jnp.einsum("kd,kde->ke", self.mean, root, precision="highest")
        log_normalizer = jnp.sum(jnp.diagonal(self.root, axis1=1, axis2=2), axis=1) - 0.5 * n_dims * math.log(2.0 * math.pi)
        normal = log_normalizer - 0.5 * jnp.sum(jnp.square(along), axis=-1)
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) + normal, axis=-1)

    def sample(self, shape: Shape, *, key: Key) -> Code:
        """Codes of shape `shape`, (n, dims)."""
        which, noise = jax.random.split(key)
        chosen = jax.random.categorical(which, self.logits, shape=shape[:1])
        # With C^-1 = P P' a code is m + P'^-1 e.
        identity = jnp.broadcast_to(jnp.eye(shape[1]), self.root.shape)
        spread = jax.scipy.linalg.solve_triangular(jnp.swapaxes(self._roots(), 1, 2), identity, lower=True)
        return self.mean[chosen] + jnp.einsum("nde,ne->nd", spread[chosen], jax.random.normal(noise, shape), precision="highest")

    @classmethod
    def of_mixture(cls, shares: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> "Normals":
        """Components with shares (components,), or numbers in proportion to them, means and covariances (components, dims, dims)."""
        root = roots_of_precisions(covariance)
        diagonal = np.diagonal(root, axis1=1, axis2=2)
        free = root + (np.log(diagonal) - diagonal)[:, :, None] * np.eye(mean.shape[1])
        return cls(log_shares(shares), mean.astype(np.float32), free.astype(np.float32))

    def _roots(self) -> Any:
        log_diagonal = jnp.diagonal(self.root, axis1=1, axis2=2)
        return jnp.triu(self.root, 1) + jnp.exp(log_diagonal)[:, :, None] * jnp.eye(self.mean.shape[1], dtype=self.root.dtype)


def log_shares(shares: np.ndarray) -> np.ndarray:
    """Logarithms of shares (components,), float32 and finite."""
    return np.log(np.maximum(shares, _LEAST_SHARE)).astype(np.float32)


def roots_of_precisions(covariance: np.ndarray) -> np.ndarray:
    """Upper triangular `P` with `C^-1 = P P'` of covariances (components, dims, dims)."""
    return np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariance)), 1, 2)
