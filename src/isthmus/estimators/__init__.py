"""The scikit-learn face of the library."""

from ._autoencoder import Autoencoder as Autoencoder
from ._gaussian_mixture import GaussianMixture as GaussianMixture
from ._latent_mixture import LatentMixture as LatentMixture
from ._load import load as load
from ._summary import Summary as Summary

__all__ = ["Autoencoder", "GaussianMixture", "LatentMixture", "Summary", "load"]
