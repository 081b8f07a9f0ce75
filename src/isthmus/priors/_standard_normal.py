import math

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Key, PerRow, Shape, Tree

from ._base import AbstractPrior


class StandardNormal(AbstractPrior):
    """Independent standard normal codes.

    `log p(z) = -(z^2 + log 2 pi) / 2`, summed over the code; `KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1) / 2 - log s` for each dimension.

    References:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix B. arXiv:1312.6114.

    Example:
        >>> import jax.numpy as jnp
        >>> StandardNormal().kl((), jnp.ones((1, 2)), jnp.zeros((1, 2))).tolist()
        [[0.5, 0.5]]
    """

    def init(self, latent_shape: Shape, data_shape: Shape, *, rng: np.random.Generator) -> Tree:
        return ()

    def log_prob(self, weights: Tree, code: Code) -> PerRow:
        return jnp.sum(-0.5 * (jnp.square(code) + math.log(2.0 * math.pi)), axis=-1)

    def sample(self, weights: Tree, shape: Shape, *, key: Key) -> Code:
        return jax.random.normal(key, shape)

    def kl(self, weights: Tree, mean: Code, log_scale: Code) -> Code:
        return 0.5 * (jnp.square(mean) + jnp.exp(2.0 * log_scale) - 1.0) - log_scale
