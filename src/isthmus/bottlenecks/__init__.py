"""How a code is made from the encoder's hidden values."""

from ._base import AbstractBottleneck as AbstractBottleneck
from ._base import Latent as Latent
from ._deterministic import Deterministic as Deterministic

__all__ = ["AbstractBottleneck", "Deterministic", "Latent"]
