from typing import Any

import jax
import numpy as np

from isthmus._autoregressive import Maps, drawn_maps
from isthmus._types import Code, Key, PerRow, PositiveInt, Shape, Tree
from isthmus.errors import PartError

from ._base import AbstractPrior
from ._standard_normal import StandardNormal


class Flow(AbstractPrior):
    """A learned density of any shape: a chain of invertible maps brings codes to standard normal ones.

    `log p(z) = log N(f(z); 0, 1) + log |det df / dz|` with `f` a masked autoregressive flow: each map is `z_i exp(s_i) + m_i`, where `s_i`
    and `m_i` depend on the dimensions before `i`, in turn in one order and in its reverse. It begins as the standard normal prior. A
    density costs one pass through each network, a sample as many as codes have dimensions. The divergence has no closed form and is taken
    at the codes drawn. With codes of one number it is a normal distribution whose mean and scale are learned.

    Attributes:
        n_layers: how many maps there are.
        hidden_dims: widths of the hidden layers of each map's network.

    References:
        Papamakarios, Pavlakou & Murray, Masked Autoregressive Flow for Density Estimation, 2017, arXiv:1705.07057. There batch
        normalization stands between the maps and the order of some chains is drawn at random; here there is none, orders are reversed,
        hidden layers are `tanh` and logarithms of scales stay within 4, so that all is finite. Germain et al., MADE, 2015,
        arXiv:1502.03509: the masked networks, here with even degrees instead of random ones.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data / 16
        >>> prior = Flow(n_layers=2, hidden_dims=(32,))
        >>> autoencoder = Autoencoder(2, loss="bernoulli", bottleneck="gaussian", prior=prior, max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.sample(5).shape
        (5, 64)
    """

    n_layers: PositiveInt = 4
    hidden_dims: tuple[PositiveInt, ...] = (64,)

    def check_parts(self, parts: Any) -> None:
        if len(parts.latent_shape) != 1:
            raise PartError(
                f"The prior 'flow' is for codes of one axis; these have the shape {parts.latent_shape}. Use prior='standard_normal'."
            )

    def init(self, latent_shape: Shape, data_shape: Shape, *, rng: np.random.Generator) -> Tree:
        return drawn_maps(self.n_layers, latent_shape[0], 0, self.hidden_dims, rng=rng)

    def log_prob(self, weights: Maps, code: Code) -> PerRow:
        noise, log_det = weights.passed(code)
        return StandardNormal().log_prob((), noise) + log_det

    def sample(self, weights: Maps, shape: Shape, *, key: Key) -> Code:
        return weights.inverse(jax.random.normal(key, shape))
