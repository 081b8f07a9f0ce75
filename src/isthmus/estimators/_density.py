"""A density over the codes of a fitted model, which need no prior of their own: a mixture of normal distributions, found afterwards."""

from typing import Any, NamedTuple

import numpy as np

from isthmus.errors import DataError

from ._gaussian_mixture import GaussianMixture

__all__ = ["CodeDensity", "fitted_density"]


class CodeDensity(NamedTuple):
    """A Gaussian mixture over codes for each class of rows, or one for all.

    Attributes:
        shares: (n_classes, n_components), of each class's components; zero where a class has fewer rows than components.
        means: (n_classes, n_components, latent_dim).
        factors: (n_classes, n_components, latent_dim, latent_dim), lower triangular, whose squares are the covariances.
    """

    shares: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def sample(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Codes of rows of these classes, numbers (n,): (n, latent_dim).

        Args:
            labels: zeros where there is one mixture for all.
            rng: the source of random numbers.
        """
        ladder = np.cumsum(self.shares, axis=1)[labels]
        chosen = np.sum(rng.uniform(size=(len(labels), 1)) * ladder[:, -1:] >= ladder, axis=1)
        noise = rng.normal(size=(len(labels), self.means.shape[-1]))
        return self.means[labels, chosen] + np.einsum("nij,nj->ni", self.factors[labels, chosen], noise)


def fitted_density(codes: np.ndarray, labels: np.ndarray, n_components: Any, rng: np.random.Generator) -> CodeDensity:
    """The mixture of `n_components` for the codes of each class.

    Args:
        codes: (n_rows, latent_dim).
        labels: (n_rows,), zeros where there is one mixture for all.
        n_components: how many a class's mixture has, or as many as the class has rows.
        rng: decides where the search for each mixture starts.
    """
    if not hasattr(n_components, "__index__") or isinstance(n_components, bool) or n_components < 1:
        raise DataError(f"`n_components` must be an integer of at least 1; got {n_components!r}. Give how many groups codes may form.")
    n_classes, n_dims = int(labels.max()) + 1, codes.shape[1]
    shares = np.zeros((n_classes, n_components))
    means = np.zeros((n_classes, n_components, n_dims))
    factors = np.zeros((n_classes, n_components, n_dims, n_dims))
    for label in range(n_classes):
        own = codes[labels == label].astype(np.float64)
        if not len(own):
            continue
        if len(own) == 1:
            shares[label, 0], means[label, 0] = 1.0, own[0]
            continue
        n_own = min(n_components, len(np.unique(own, axis=0)))
        mixture = GaussianMixture(n_own, random_state=int(rng.integers(2**31))).fit(own)
        shares[label, :n_own] = mixture.weights_
        means[label, :n_own] = mixture.means_
        factors[label, :n_own] = np.linalg.cholesky(mixture.covariances_)
    return CodeDensity(shares, means, factors)
