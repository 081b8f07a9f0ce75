from typing import Any

import numpy as np

from isthmus._types import Code, Hidden, Key, Mask, Shape, Tree
from isthmus.priors import BoundPrior

from ._base import AbstractBottleneck, Latent


class Deterministic(AbstractBottleneck):
    """The code is the encoder's output, as in the classical autoencoder.

    `z = f(x)`: nothing is drawn and nothing is charged, so that training minimizes the reconstruction loss alone.

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

    def encode(self, weights: Tree, hidden: Hidden) -> Code:
        return hidden
