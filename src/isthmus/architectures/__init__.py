"""Encoders and decoders."""

from ._base import AbstractArchitecture as AbstractArchitecture
from ._base import Stage as Stage
from ._convolutional import Convolutional as Convolutional
from ._convolutional1d import Convolutional1d as Convolutional1d
from ._dense import Dense as Dense
from ._linear import Linear as Linear
from ._recurrent import Recurrent as Recurrent
from ._residual import Residual as Residual
from ._tied import Tied as Tied
from ._transformer import Transformer as Transformer

__all__ = [
    "AbstractArchitecture",
    "Convolutional",
    "Convolutional1d",
    "Dense",
    "Linear",
    "Recurrent",
    "Residual",
    "Stage",
    "Tied",
    "Transformer",
]
