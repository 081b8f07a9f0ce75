from typing import Any

import numpy as np

from isthmus._types import Code, Key, PerRow, PositiveInt, Shape, Tree
from isthmus.errors import PartError

from ._base import AbstractPrior
from ._components import Components


class NormalMixture(AbstractPrior):
    """A mixture of diagonal normal distributions whose shares, means and scales are learned with the networks.

    `log p(z) = log sum_k pi_k N(z; m_k, s_k^2)`. It gives codes the freedom to form groups; the divergence has no closed form and is
    taken at the codes drawn. A code costs `n_components` times as much as with one distribution, still little beside the networks.

    Attributes:
        n_components: how many there are.

    References:
        Tomczak & Welling, VAE with a VampPrior, 2018, arXiv:1705.07120, section 5: the "mixture of Gaussians" there. Its components are
        free vectors too; here their means begin as draws from the standard normal distribution and their scales at 1.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> prior = NormalMixture(n_components=3)
        >>> weights = prior.init((2,), (5,), rng=np.random.default_rng(0))
        >>> prior.log_prob(weights, jnp.zeros((4, 2))).shape
        (4,)
    """

    n_components: PositiveInt = 10

    def check_parts(self, parts: Any) -> None:
        if len(parts.latent_shape) != 1:
            raise PartError(f"The prior 'normal_mixture' is for codes of one axis; these have the shape {parts.latent_shape}.")

    def init(self, latent_shape: Shape, data_shape: Shape, *, rng: np.random.Generator) -> Tree:
        shape = (self.n_components, *latent_shape)
        return Components(np.zeros(self.n_components, np.float32), rng.normal(size=shape).astype(np.float32), np.zeros(shape, np.float32))

    def log_prob(self, weights: Components, code: Code) -> PerRow:
        return weights.log_prob(code)

    def sample(self, weights: Components, shape: Shape, *, key: Key) -> Code:
        return weights.sample(shape, key=key)
