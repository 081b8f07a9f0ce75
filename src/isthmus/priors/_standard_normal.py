import math

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Key, PerRow, Shape, Tree

from ._base import AbstractPrior


class StandardNormal(AbstractPrior):
    """Independent standard normal codes.

    `log p(z) = -(z^2 + log 2 pi) / 2`, summed over the code; `KL(N(m, v) || N(0, 1)) = (m^2 + v - 1 - log v) / 2`, summed
    likewise.

    References:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix B. arXiv:1312.6114.

    Example:
        >>> import jax.numpy as jnp
        >>> float(StandardNormal().kl((), jnp.ones((1, 2)), jnp.zeros((1, 2)))[0])
        1.0
    """

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> Tree:
        return ()

    def log_prob(self, weights: Tree, code: Code) -> PerRow:
        return jnp.sum(-0.5 * (jnp.square(code) + math.log(2.0 * math.pi)), axis=-1)

    def sample(self, weights: Tree, shape: Shape, *, key: Key) -> Code:
        return jax.random.normal(key, shape)

    def kl(self, weights: Tree, mean: Code, log_variance: Code) -> PerRow:
        return 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance, axis=-1)
