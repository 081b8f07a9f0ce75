import abc
from typing import Any, ClassVar

import numpy as np

from isthmus._types import NonNegative, PositiveInt, Shape, Tree

from ._base import AbstractRegularizer

__all__ = ["AbstractClusters"]


class AbstractClusters(AbstractRegularizer):
    """A penalty by clusters that codes belong to, which are its own weights.

    By itself it learns them by gradient; `isthmus.LatentMixture` finds them by expectation-maximization and lets them stand still
    while the networks learn (`rate=0`).

    Attributes:
        n_components: how many clusters.
        rate: the learning rate of the clusters, in units of the optimizer's.
    """

    is_monitored: ClassVar[bool] = True
    has_own_rate: ClassVar[bool] = True

    n_components: PositiveInt = 10
    rate: NonNegative = 1.0

    @property
    def own_rate(self) -> Any:
        return self.rate

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> Tree:
        return self.placed(rng.normal(size=(self.n_components, int(np.prod(latent_shape)))))

    def placed(self, mean: np.ndarray) -> Tree:
        """The weights of clusters of unit covariance and equal shares at these means (components, dims)."""
        n_components, n_dims = mean.shape
        shares = np.full(n_components, 1.0 / n_components)
        return self.of_mixture(shares, mean, np.broadcast_to(np.eye(n_dims), (n_components, n_dims, n_dims)))

    @abc.abstractmethod
    def of_mixture(self, shares: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> Tree:
        """The weights of the components of a normal mixture.

        Args:
            shares: (components,), of sum one.
            mean: (components, dims).
            covariance: (components, dims, dims).
        """
