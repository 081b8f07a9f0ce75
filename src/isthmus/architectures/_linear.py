from typing import Any

import numpy as np

from isthmus._types import Key, Shape, Tree

from ._base import AbstractArchitecture, RowSample
from ._dense import Dense, Network

_BARE = Dense(hidden_dims=())


class Linear(AbstractArchitecture):
    """One affine map each way: trained on squared errors, its code spans the principal subspace.

    `z = W x + b`, `y = V z + c`. The minimum of the squared error over all such maps is the projection on the leading principal
    components; which basis of that subspace the code uses is left open.

    References:
        Baldi & Hornik, Neural Networks and Principal Component Analysis, Neural Networks 2, 1989.

    Example:
        >>> from isthmus import Autoencoder
        >>> Autoencoder(latent_dim=2, architecture="linear").get_params()["architecture"]
        'linear'
    """

    def encoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Network:
        return _BARE.encoder(in_shape, out_shape, rng=rng)

    def decoder(self, in_shape: Shape, out_shape: Shape, *, rng: np.random.Generator) -> Network:
        return _BARE.decoder(in_shape, out_shape, rng=rng)

    def start(self, encoder: Tree, decoder: Tree, rows: RowSample, output_mean: np.ndarray) -> tuple[Tree, Tree]:
        return _BARE.start(encoder, decoder, rows, output_mean)

    def __call__(self, network: Network, x: Any, *, precision: str, key: Key | None) -> Any:
        return _BARE(network, x, precision=precision, key=key)
