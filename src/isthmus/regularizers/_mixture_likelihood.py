import math

import jax.numpy as jnp
import numpy as np

from isthmus._gaussians import Normals
from isthmus._types import Key, NonNegative, PerRow, Tree

from ._base import View
from ._base_clusters import AbstractClusters
from ._codes import flat_codes

# Added to the variances of codes, as a share of their mean variance, so that codes on a line have a covariance that can be inverted.
_RIDGE = 1e-6
_LEAST = 1e-12


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
        return Normals.of_mixture(shares, mean, covariance)
