"""Damage done to the encoder's input in training."""

from ._base import AbstractCorruption as AbstractCorruption
from ._blind_spot import BlindSpot as BlindSpot
from ._gaussian import Gaussian as Gaussian
from ._gaussian_range import GaussianRange as GaussianRange
from ._masking import Masking as Masking
from ._poisson_noise import PoissonNoise as PoissonNoise
from ._random_erasing import RandomErasing as RandomErasing
from ._salt_and_pepper import SaltAndPepper as SaltAndPepper
from ._swap_noise import SwapNoise as SwapNoise

__all__ = [
    "AbstractCorruption",
    "BlindSpot",
    "Gaussian",
    "GaussianRange",
    "Masking",
    "PoissonNoise",
    "RandomErasing",
    "SaltAndPepper",
    "SwapNoise",
]
