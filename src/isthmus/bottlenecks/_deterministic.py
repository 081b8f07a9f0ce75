from typing import Any

import numpy as np

from isthmus._types import Code, Hidden, Key, Mask, Shape, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior

from ._base import AbstractBottleneck, Latent


class Deterministic(AbstractBottleneck):
    """The code is the encoder's output, as in the classical autoencoder.

    `z = f(x)`: nothing is drawn and nothing is charged, so that training minimizes the reconstruction loss alone.
    Where a prior is given, rows are sampled from it: a penalty such as `MeanDiscrepancy` is what draws the codes to it.

    References:
        Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313, 2006.

    Example:
        >>> from isthmus import Autoencoder
        >>> from isthmus.bottlenecks import Deterministic
        >>> Autoencoder(latent_dim=2, bottleneck=Deterministic()).bottleneck
        Deterministic()
    """

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        return (), ()

    def __call__(
        self, weights: Tree, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        return Latent(hidden, {}), state

    def encode(self, weights: Tree, state: Tree, hidden: Hidden) -> Code:
        return hidden

    def sample(self, weights: Tree, prior: BoundPrior | None, shape: Shape, *, key: Key) -> Code:
        if prior is None:
            raise PartError(
                "`Deterministic` codes have no distribution to sample from. Call `fit_density(X)` first; or use a penalty that draws "
                "codes to a prior, such as 'mean_discrepancy', or a probabilistic bottleneck, such as 'gaussian'."
            )
        return prior.sample(shape, key=key)
