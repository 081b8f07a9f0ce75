from typing import Any

import numpy as np

from isthmus._types import Key, Shape, Tree
from isthmus.initializers import AbstractInitializer

from ._base import AbstractArchitecture, RowSample
from ._dense import Dense
from ._layers import Network

_BARE = Dense(hidden_dims=())


class Linear(AbstractArchitecture):
    """One affine map each way: trained on squared errors, its code spans the principal subspace.

    `z = W x + b`, `y = V z + c`. The minimum of the squared error over all such maps is the projection on the leading principal
    components; which basis of that subspace the code uses is left open.

    Attributes:
        initializer: draws the weights; None for `FanScaled`.

    References:
        Baldi & Hornik, Neural Networks and Principal Component Analysis, Neural Networks 2, 1989.

    Example:
        >>> from isthmus import Autoencoder
        >>> Autoencoder(latent_dim=2, architecture="linear").get_params()["architecture"]
        'linear'
    """

    initializer: AbstractInitializer | None = None

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Network:
        return Dense(hidden_dims=(), initializer=self.initializer).encoder(in_shape, out_shape, rng=rng)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Network:
        return Dense(hidden_dims=(), initializer=self.initializer).decoder(in_shape, out_shape, rng=rng)

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        return _BARE.start(encoder, decoder, rows, output_mean)

    def __call__(self, network: Network, x: Any, *, precision: str, key: Key | None) -> Any:
        return _BARE(network, x, precision=precision, key=key)
