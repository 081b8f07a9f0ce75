from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._gaussians import roots_of_precisions
from isthmus._types import Key, NonNegative, PerRow, Positive, Tree

from ._base import View
from ._base_clusters import AbstractClusters
from ._codes import flat_codes


class Metric(NamedTuple):
    """Where clusters are, and how far is far.

    Attributes:
        mean: (components, dims).
        root: (components, dims, dims), upper triangular `P`; distances are `|P' (z - m)|`.
    """

    mean: Any
    root: Any


class SoftAssignment(AbstractClusters):
    """How far codes are from belonging to one cluster each: deep embedded clustering.

    `sum_k p_k log(p_k / q_k)`, one number a row and the mean over its samples, with the shares
    `q_k ~ (1 + d_k^2 / v)^(-(v + 1) / 2)` of a Student-t kernel of the distance `d_k` to each cluster, and sharpened ones
    `p_k ~ q_k^2 / f_k`, which are taken as given; `f_k` is the sum of `q_k` over the batch, so that no cluster swallows the others.
    Lowering it moves codes towards the cluster they are nearest to. Distances are in units of each cluster's own spread, divided by
    the root of the number of dimensions, so that a typical member is at a distance of 1.

    Beside a reconstruction it is IDEC. Start from codes that show clusters already, as `isthmus.LatentMixture` does: it sharpens
    what is there, and errors as well.

    Attributes:
        weight: the factor of the penalty in the objective.
        n_components: how many clusters.
        rate: the learning rate of the clusters, in units of the optimizer's.
        freedom: degrees of freedom `v` of the kernel; the larger, the less far clusters count.

    References:
        Xie, Girshick & Farhadi, Unsupervised Deep Embedding for Clustering Analysis, 2016, arXiv:1511.06335, where distances are plain ones
        and `p` is computed of all rows now and then; here of the batch at each step. Guo, Gao, Liu & Yin, Improved Deep Embedded
        Clustering with Local Structure Preservation, IJCAI 2017, for the reconstruction beside it.

    Example:
        >>> import numpy as np
        >>> part, code = SoftAssignment(n_components=2), jnp.asarray([[0.0, 0.0], [3.0, 0.0], [1.5, 0.0]])
        >>> view = View(x=code, mask=jnp.ones(3), hidden=code, code=code, prior=None, weights=None, encode=None, decode=None)
        >>> own = part.placed(np.array([[0.0, 0.0], [3.0, 0.0]]))
        >>> [round(float(value), 3) for value in part(own, view, key=None)]  # the one in the middle belongs to both alike
        [0.08, 0.08, 0.0]
    """

    weight: NonNegative = 10.0
    freedom: Positive = 1.0

    def __call__(self, weights: Metric, view: View, *, key: Key | None) -> PerRow:
        codes = flat_codes(view)
        log_share = self.log_shares(weights, codes)
        total = jnp.sum(jnp.where(view.mask[:, None] > 0, jnp.mean(jnp.exp(log_share), axis=0), 0.0), axis=0)
        log_target = jax.lax.stop_gradient(jax.nn.log_softmax(2.0 * log_share - jnp.log(total + jnp.finfo(codes.dtype).tiny), axis=-1))
        return jnp.mean(jnp.sum(jnp.exp(log_target) * (log_target - log_share), axis=-1), axis=0)

    def log_shares(self, weights: Metric, codes: Any) -> Any:
        """Logarithms of the clusters' shares in codes (..., dims): (..., components)."""
        along = jnp.einsum("...d,kde->...ke", codes, weights.root, precision="highest")
        along = along - jnp.einsum("kd,kde->ke", weights.mean, weights.root, precision="highest")
        squares = jnp.mean(jnp.square(along), axis=-1)
        return jax.nn.log_softmax(-0.5 * (self.freedom + 1.0) * jnp.log1p(squares / self.freedom), axis=-1)

    def of_mixture(self, shares: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> Tree:
        root = roots_of_precisions(covariance)
        return Metric(mean.astype(np.float32), root.astype(np.float32))
