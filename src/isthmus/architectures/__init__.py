"""Encoders and decoders."""

from ._base import AbstractArchitecture as AbstractArchitecture
from ._dense import Dense as Dense
from ._linear import Linear as Linear

__all__ = ["AbstractArchitecture", "Dense", "Linear"]
