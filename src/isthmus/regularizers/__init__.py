"""Penalties beside the reconstruction."""

from ._activity_l1 import ActivityL1 as ActivityL1
from ._adversary import Adversary as Adversary
from ._base import AbstractProximal as AbstractProximal
from ._base import AbstractRegularizer as AbstractRegularizer
from ._base import View as View
from ._base_clusters import AbstractClusters as AbstractClusters
from ._code_l2 import CodeL2 as CodeL2
from ._contractive import Contractive as Contractive
from ._decoder_jacobian import DecoderJacobian as DecoderJacobian
from ._dip import Dip as Dip
from ._elastic_net import ElasticNet as ElasticNet
from ._factor_adversary import FactorAdversary as FactorAdversary
from ._group_lasso import GroupLasso as GroupLasso
from ._kl_sparsity import KlSparsity as KlSparsity
from ._l1 import L1 as L1
from ._l2 import L2 as L2
from ._mean_discrepancy import MeanDiscrepancy as MeanDiscrepancy
from ._mixture_likelihood import MixtureLikelihood as MixtureLikelihood
from ._orthogonality import Orthogonality as Orthogonality
from ._reconstruction_jacobian import ReconstructionJacobian as ReconstructionJacobian
from ._sliced_wasserstein import SlicedWasserstein as SlicedWasserstein
from ._soft_assignment import SoftAssignment as SoftAssignment
from ._spectral_norm import SpectralNorm as SpectralNorm
from ._total_correlation import TotalCorrelation as TotalCorrelation

__all__ = [
    "L1",
    "L2",
    "AbstractClusters",
    "AbstractProximal",
    "AbstractRegularizer",
    "ActivityL1",
    "Adversary",
    "CodeL2",
    "Contractive",
    "DecoderJacobian",
    "Dip",
    "ElasticNet",
    "FactorAdversary",
    "GroupLasso",
    "KlSparsity",
    "MeanDiscrepancy",
    "MixtureLikelihood",
    "Orthogonality",
    "ReconstructionJacobian",
    "SlicedWasserstein",
    "SoftAssignment",
    "SpectralNorm",
    "TotalCorrelation",
    "View",
]
