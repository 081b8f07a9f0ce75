"""The scikit-learn face of the library."""

from ._autoencoder import Autoencoder as Autoencoder
from ._component_selection import Selection as Selection
from ._component_selection import select_components as select_components
from ._gaussian_mixture import GaussianMixture as GaussianMixture
from ._latent_mixture import LatentMixture as LatentMixture
from ._load import load as load
from ._mixture_objective import MixtureObjective as MixtureObjective
from ._summary import Summary as Summary

__all__ = [
    "Autoencoder",
    "GaussianMixture",
    "LatentMixture",
    "MixtureObjective",
    "Selection",
    "Summary",
    "load",
    "select_components",
]
