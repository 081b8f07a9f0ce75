import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Key, NonNegative, PerRow, Tree

from ._base import View
from ._base_clusters import AbstractClusters, roots_of_precisions
from ._codes import flat_codes

# Added to the variances of codes, as a share of their mean variance, so that codes on a line have a covariance that can be inverted.
_RIDGE = 1e-6
_LEAST = 1e-12


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
        n_dims = self.mean.shape[1]
        log_diagonal = jnp.diagonal(self.root, axis1=1, axis2=2)
        root = jnp.triu(self.root, 1) + jnp.exp(log_diagonal)[:, :, None] * jnp.eye(n_dims, dtype=self.root.dtype)
        along = jnp.einsum("...d,kde->...ke", codes, root, precision="highest")
        along = along - jnp.einsum("kd,kde->ke", self.mean, root, precision="highest")
        normal = jnp.sum(log_diagonal, axis=1) - 0.5 * (n_dims * math.log(2.0 * math.pi) + jnp.sum(jnp.square(along), axis=-1))
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) + normal, axis=-1)


class MixtureLikelihood(AbstractClusters):
    """How much worse a normal mixture describes codes than it could: reconstruction and density together, as in DAGMM.

    `-log sum_k w_k N(z; m_k, C_k) - H`, one number a row and the mean over its samples, with `H = 1/2 log det(2 pi e C)` the entropy of a
    normal distribution with the batch's covariance `C` of codes. `H` makes the penalty independent of the codes' unit: without it the
    encoder would lower `-log p` without end by making codes small. A mixture of one component that fits is at 0; several that fit groups
    which are apart are below.

    Attributes:
        weight: the factor of the penalty in the objective.
        n_components: how many components.
        rate: the learning rate of the mixture, in units of the optimizer's.

    References:
        Zong et al., Deep Autoencoding Gaussian Mixture Model for Unsupervised Anomaly Detection, ICLR 2018
        (https://openreview.net/forum?id=BJJLHbb0-). There a network estimates the shares, the reconstruction error is part of the code, and
        `sum 1 / diag C_k` holds covariances off zero; here shares are the mixture's own, and `H` does that.

    Example:
        >>> import numpy as np
        >>> part, code = MixtureLikelihood(n_components=1), jnp.asarray([[1.0], [-1.0]])
        >>> view = View(x=code, mask=jnp.ones(2), hidden=code, code=code, prior=None, weights=None, encode=None, decode=None)
        >>> bool(abs(part(part.placed(np.zeros((1, 1))), view, key=None).mean()) < 1e-5)
        True
    """

    weight: NonNegative = 1.0

    def __call__(self, weights: Normals, view: View, *, key: Key | None) -> PerRow:
        codes = flat_codes(view)
        n_dims = codes.shape[-1]
        counted = jnp.broadcast_to(view.mask, codes.shape[:2])[..., None] / (jnp.sum(view.mask) * codes.shape[0])
        centered = codes - jnp.sum(counted * codes, axis=(0, 1))
        covariance = jnp.einsum("srd,sre->de", counted * centered, centered, precision="highest")
        least = _RIDGE * jnp.trace(covariance) / n_dims + _LEAST
        log_det = jnp.linalg.slogdet(covariance + least * jnp.eye(n_dims, dtype=codes.dtype))[1]
        entropy = 0.5 * (n_dims * math.log(2.0 * math.pi * math.e) + log_det)
        return -jnp.mean(weights.log_prob(codes), axis=0) - entropy

    def of_mixture(self, shares: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> Tree:
        root = roots_of_precisions(covariance)
        diagonal = np.diagonal(root, axis1=1, axis2=2)
        free = root + (np.log(diagonal) - diagonal)[:, :, None] * np.eye(mean.shape[1])
        return Normals(np.log(np.maximum(shares, 1e-12)).astype(np.float32), mean.astype(np.float32), free.astype(np.float32))
