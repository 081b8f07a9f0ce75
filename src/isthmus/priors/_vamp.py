from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Data, Key, PerRow, PositiveInt, Shape, Tree
from isthmus.errors import PartError

from ._base import AbstractPrior
from ._components import Components


class Vamp(AbstractPrior):
    """The variational mixture of posteriors: an equal mixture of the posteriors of learned pseudo-rows.

    `p(z) = 1 / K sum_k q(z | u_k)`, with `K = n_pseudo_rows` rows `u_k` of the data's shape, learned. The best prior for an encoder is the
    mean of its posteriors over the data; this one stands for it. Codes fill it better than a standard normal one, at the price of
    encoding `K` rows in every step, as much work as a batch of that size.

    Attributes:
        n_pseudo_rows: how many there are; a few per group that the data may have, and at most as many as there are rows.

    References:
        Tomczak & Welling, VAE with a VampPrior, 2018, arXiv:1705.07120. There pseudo-rows are forced into [0, 1]; here they are free, and
        begin as rows of the data, drawn at random.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data / 16
        >>> autoencoder = Autoencoder(2, loss="bernoulli", bottleneck="gaussian", prior=Vamp(20), max_epochs=3, random_state=0)
        >>> autoencoder.fit(X).transform(X).shape
        (1797, 2)
    """

    takes_classes: ClassVar[bool] = False

    n_pseudo_rows: PositiveInt = 100

    def check_parts(self, parts: Any) -> None:
        if len(parts.latent_shape) != 1 or not parts.bottleneck.has_normal_posterior:
            raise PartError(
                f"The prior 'vamp' mixes diagonal normal posteriors of codes of one axis; {parts.bottleneck!r} with codes of shape "
                f"{parts.latent_shape} has none. Use bottleneck='gaussian' with covariance='diag', or another prior."
            )

    def init(self, latent_shape: Shape, data_shape: Shape, *, rng: np.random.Generator) -> Tree:
        return rng.normal(size=(self.n_pseudo_rows, *data_shape)).astype(np.float32)

    def start(self, weights: Tree, rows: Callable[[], np.ndarray], *, rng: np.random.Generator) -> Tree:
        x = rows()
        return x[rng.choice(len(x), self.n_pseudo_rows, replace=len(x) < self.n_pseudo_rows)].astype(np.float32)

    def prepared(self, weights: Tree, posterior: Callable[[Data], Any]) -> Components:
        mean, log_scale = posterior(weights)
        return Components(jnp.zeros(self.n_pseudo_rows), mean, log_scale)

    def log_prob(self, weights: Components, code: Code) -> PerRow:
        return weights.log_prob(code)

    def sample(self, weights: Components, shape: Shape, *, key: Key) -> Code:
        return weights.sample(shape, key=key)
