"""From a mixture to those of one component more, and of one less.

```
one more     a component falls in two along one of its main axes        of all such mixtures, each after some iterations,
one less     two components that cost little become one                 the one of the highest value
```

Ueda, Nakano, Ghahramani & Hinton, SMEM Algorithm for Mixture Models, Neural Computation 12, 2000, in which a split and a merge go together;
here each is a step along the numbers of components.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._base import AbstractCovariance, Mixture, Prior
from ._density import matrices_of
from ._em import Chunks, Limits, run_em

__all__ = ["best_of", "merged", "split"]

_AXES = 2  # of each component, along which it may fall in two
_APART = 0.8  # of a standard deviation along the axis: how far either half's mean is from the whole's
_PAIRS_A_COMPONENT = 2
_SHORT = Limits(1e-5, 10)


def split(covariance: AbstractCovariance, mixture: Mixture) -> Mixture:
    """Mixtures with one component more, along a first axis: each component in two halves, along each of its longest axes.

    The halves have half of the weight each, and together the mean and covariance of the whole:
    `m +- a sqrt(l) e`, `C - a^2 l e e'` for an eigenvector `e` of eigenvalue `l`.

    Args:
        covariance: the structure.
        mixture: in NumPy arrays.
    """
    weight, mean, matrices = _moments(covariance, mixture)
    values, vectors = np.linalg.eigh(matrices)
    found = []
    for index in range(len(weight)):
        for axis in range(1, min(_AXES, mean.shape[1]) + 1):
            arm = _APART * np.sqrt(max(values[index, -axis], 0.0)) * vectors[index, :, -axis]
            rest = matrices[index] - np.outer(arm, arm)
            halves = 0.5 * weight[[index, index]], np.stack([mean[index] - arm, mean[index] + arm]), np.stack([rest, rest])
            found.append(_exchanged(covariance, (weight, mean, matrices), [index], halves))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def merged(covariance: AbstractCovariance, mixture: Mixture) -> Mixture:
    """Mixtures with one component less, along a first axis: two in one, with their weight, mean and covariance.

    Of all pairs those are taken that lose least by the bound `w log|C| - w_i log|C_i| - w_j log|C_j|`, with `w` and `C` of both together
    (Runnalls, Kullback-Leibler approach to Gaussian mixture reduction, IEEE Transactions on Aerospace and Electronic Systems 43, 2007).

    Args:
        covariance: the structure.
        mixture: of two components at least, in NumPy arrays.
    """
    weight, mean, matrices = _moments(covariance, mixture)
    first, second = np.triu_indices(len(weight), 1)
    both = weight[first] + weight[second]
    share = (weight[first] / both)[:, None]
    center = share * mean[first] + (1.0 - share) * mean[second]
    apart = np.sqrt(share * (1.0 - share)) * (mean[first] - mean[second])
    within = share[:, :, None] * matrices[first] + (1.0 - share)[:, :, None] * matrices[second]
    joint = within + apart[:, :, None] * apart[:, None, :]
    log_det = np.linalg.slogdet(matrices)[1]
    loss = both * np.linalg.slogdet(joint)[1] - weight[first] * log_det[first] - weight[second] * log_det[second]
    found = []
    for pair in np.argsort(loss, kind="stable")[: _PAIRS_A_COMPONENT * len(weight)].tolist():
        new = both[[pair]], center[[pair]], joint[[pair]]
        found.append(_exchanged(covariance, (weight, mean, matrices), [int(first[pair]), int(second[pair])], new))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def best_of(covariance: AbstractCovariance, mixtures: Mixture, rows: Chunks, prior: Prior) -> Mixture:
    """The mixture of the highest value after some iterations of each on a few rows, which are one program.

    Args:
        covariance: the structure.
        mixtures: along a first axis.
        rows: that decide.
        prior: what is believed of the covariances.
    """
    # Some come twice, so that splits and merges that lead to one number of components are one program.
    n_mixtures, n_components = mixtures.log_weight.shape
    each = np.arange(max(n_mixtures, 2 * (n_components + 1))) % n_mixtures
    runs = _run_each(covariance, jax.tree.map(lambda leaf: jnp.asarray(leaf[each], rows.x.dtype), mixtures), rows, prior)
    best = int(np.argmax(np.nan_to_num(np.asarray(runs.value), nan=-np.inf)))
    return jax.tree.map(lambda leaf: np.asarray(leaf[best], np.float64), runs.mixture)


@jax.jit
def _run_each(covariance: AbstractCovariance, mixtures: Mixture, rows: Chunks, prior: Prior) -> Any:
    return jax.vmap(lambda mixture: run_em(covariance, mixture, rows, _SHORT, prior))(mixtures)


def _moments(covariance: AbstractCovariance, mixture: Mixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and covariances of each component, in float64."""
    mean, matrices = np.asarray(mixture.mean, np.float64), matrices_of(covariance, mixture)
    return np.exp(np.asarray(mixture.log_weight, np.float64)), mean, np.broadcast_to(matrices, (len(mean), *matrices.shape[1:]))


def _exchanged(covariance: AbstractCovariance, moments: Any, gone: list[int], new: Any) -> Mixture:
    """The mixture of weights, means and covariances, some exchanged for others; a covariance that all share is their mean by weight."""
    kept = ~np.isin(np.arange(len(moments[0])), gone)
    weight, mean, matrices = (np.concatenate([old[kept], own]) for old, own in zip(moments, new, strict=True))
    if covariance.is_shared:
        matrices = np.einsum("k,kij->ij", weight, matrices)[None]
    return Mixture(np.log(weight), mean, covariance.of_covariances(matrices))
