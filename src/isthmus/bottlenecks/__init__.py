"""How a code is made from the encoder's hidden values."""

from ._base import AbstractBottleneck as AbstractBottleneck
from ._base import Latent as Latent
from ._base import Posterior as Posterior
from ._categorical import Categorical as Categorical
from ._deterministic import Deterministic as Deterministic
from ._flow import Flow as Flow
from ._gaussian import Gaussian as Gaussian
from ._hyperspherical import Hyperspherical as Hyperspherical

__all__ = ["AbstractBottleneck", "Categorical", "Deterministic", "Flow", "Gaussian", "Hyperspherical", "Latent", "Posterior"]
