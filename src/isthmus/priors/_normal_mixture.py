from typing import Any, Literal

import numpy as np

from isthmus._gaussians import Normals
from isthmus._types import Code, Key, PerRow, PositiveInt, Shape, Tree
from isthmus.errors import PartError

from ._base import AbstractPrior
from ._components import Components


class NormalMixture(AbstractPrior):
    """A mixture of normal distributions whose shares, means and spreads are learned with the networks.

    `log p(z) = log sum_k pi_k N(z; m_k, C_k)`. It gives codes the freedom to form groups; the divergence has no closed form and is
    taken at the codes drawn. A code costs `n_components` times as much as with one distribution, still little beside the networks.

    Under a `Gaussian` bottleneck the bound is that of VaDE with the best assignment of each code, `q(k | z) = p(k | z)`, which the sum over
    `k` amounts to. Left to itself the mixture seldom finds the groups of the data: start it from a mixture of the codes of a trained
    autoencoder, as `isthmus.LatentMixture(joint="variational")` does.

    Attributes:
        n_components: how many there are.
        covariance: "diag", or "full" for components that lie in any direction.

    References:
        Tomczak & Welling, VAE with a VampPrior, 2018, arXiv:1705.07120, section 5: the "mixture of Gaussians" there. Its components are
        free vectors too; here their means begin as draws from the standard normal distribution and their scales at 1. Jiang et al.,
        Variational Deep Embedding, 2017, arXiv:1611.05148: diagonal components, and `q(k | x)` apart from the code.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> prior = NormalMixture(n_components=3)
        >>> weights = prior.init((2,), (5,), rng=np.random.default_rng(0))
        >>> prior.log_prob(weights, jnp.zeros((4, 2))).shape
        (4,)
    """

    n_components: PositiveInt = 10
    covariance: Literal["diag", "full"] = "diag"

    def check_parts(self, parts: Any) -> None:
        if len(parts.latent_shape) != 1:
            raise PartError(f"The prior 'normal_mixture' is for codes of one axis; these have the shape {parts.latent_shape}.")

    def init(self, latent_shape: Shape, data_shape: Shape, *, rng: np.random.Generator) -> Tree:
        shape = (self.n_components, *latent_shape)
        identity = np.broadcast_to(np.eye(latent_shape[0]), (*shape, latent_shape[0]))
        return self.of_mixture(np.ones(self.n_components), rng.normal(size=shape), identity)

    def of_mixture(self, shares: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> Components | Normals:
        """The weights of the components of a normal mixture.

        Args:
            shares: (components,), or numbers in proportion to them.
            mean: (components, dims).
            covariance: (components, dims, dims), of which "diag" takes the diagonals.
        """
        kind = Components if self.covariance == "diag" else Normals
        return kind.of_mixture(shares, mean, covariance)

    def log_prob(self, weights: Components | Normals, code: Code) -> PerRow:
        return weights.log_prob(code)

    def sample(self, weights: Components | Normals, shape: Shape, *, key: Key) -> Code:
        return weights.sample(shape, key=key)
