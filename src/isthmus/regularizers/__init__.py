"""Penalties beside the reconstruction."""

from ._activity_l1 import ActivityL1 as ActivityL1
from ._base import AbstractProximal as AbstractProximal
from ._base import AbstractRegularizer as AbstractRegularizer
from ._base import View as View
from ._contractive import Contractive as Contractive
from ._decoder_jacobian import DecoderJacobian as DecoderJacobian
from ._elastic_net import ElasticNet as ElasticNet
from ._group_lasso import GroupLasso as GroupLasso
from ._kl_sparsity import KlSparsity as KlSparsity
from ._l1 import L1 as L1
from ._l2 import L2 as L2
from ._orthogonality import Orthogonality as Orthogonality
from ._reconstruction_jacobian import ReconstructionJacobian as ReconstructionJacobian
from ._spectral_norm import SpectralNorm as SpectralNorm

__all__ = [
    "L1",
    "L2",
    "AbstractProximal",
    "AbstractRegularizer",
    "ActivityL1",
    "Contractive",
    "DecoderJacobian",
    "ElasticNet",
    "GroupLasso",
    "KlSparsity",
    "Orthogonality",
    "ReconstructionJacobian",
    "SpectralNorm",
    "View",
]
