"""Damage done to the encoder's input in training."""

from ._base import AbstractCorruption as AbstractCorruption
from ._gaussian import Gaussian as Gaussian
from ._masking import Masking as Masking

__all__ = ["AbstractCorruption", "Gaussian", "Masking"]
