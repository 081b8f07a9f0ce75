"""How a code is made from the encoder's hidden values."""

from ._base import AbstractBottleneck as AbstractBottleneck
from ._base import Latent as Latent
from ._base import Posterior as Posterior
from ._batch_top_k import BatchTopK as BatchTopK
from ._categorical import Categorical as Categorical
from ._deterministic import Deterministic as Deterministic
from ._finite_scalar import FiniteScalar as FiniteScalar
from ._flow import Flow as Flow
from ._gaussian import Gaussian as Gaussian
from ._hyperspherical import Hyperspherical as Hyperspherical
from ._jump_relu import JumpRelu as JumpRelu
from ._residual_quantized import ResidualQuantized as ResidualQuantized
from ._top_k import TopK as TopK
from ._vector_quantized import VectorQuantized as VectorQuantized

__all__ = [
    "AbstractBottleneck",
    "BatchTopK",
    "Categorical",
    "Deterministic",
    "FiniteScalar",
    "Flow",
    "Gaussian",
    "Hyperspherical",
    "JumpRelu",
    "Latent",
    "Posterior",
    "ResidualQuantized",
    "TopK",
    "VectorQuantized",
]
