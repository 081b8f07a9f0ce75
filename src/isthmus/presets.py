"""Named models: functions of a few lines that choose parts and return an estimator."""

from typing import Any

from isthmus.architectures import Dense
from isthmus.corruptions import Gaussian
from isthmus.estimators import Autoencoder
from isthmus.optimizers import Adam, Cosine, Warmup

__all__ = ["denoising"]


def denoising(latent_dim: int = 512, *, sigma: float = 0.25, **parameters: Any) -> Autoencoder:
    """An autoencoder that takes noise off: `reconstruct` gives the clean row.

    `z = W x + f(x + noise)`, `y = V z + g(z)`: the code is wide, so that it is no bottleneck, and damage alone keeps the network from
    copying its input. The linear path through the code starts at the Wiener filter of the training rows, the best linear
    denoiser of its rank, and the hidden layers at zero; training goes on from there with fresh noise at every step.

    Departures from Vincent et al. 2010 (Stacked Denoising Autoencoders, Journal of Machine Learning Research 11): one network instead of a
    stack, a linear path, and no sigmoid.

    Three ways to train it, by what there is:

    - clean rows: ``denoising(sigma=0.25).fit(clean)``; the noise is added here.
    - pairs, a noisy and a clean copy, or two noisy copies of each row (Lehtinen et al. 2018, Noise2Noise, arXiv:1803.04189):
      ``denoising(corruption=None).fit(noisy, target=other)``. The noise of both copies must be independent and of mean zero.
    - a single noisy copy (Batson & Royer 2019, Noise2Self, arXiv:1901.11365): ``denoising(corruption="blind_spot").fit(noisy)``.

    For images pass ``output_activation="clip"``, and rows in [0, 1]: outputs are then cut to that range, which on handwritten digits is
    worth one decibel or more (docs/benchmarks.md).

    Args:
        latent_dim: numbers in a code.
        sigma: the standard deviation of the noise, in the unit of the rows, which are not scaled.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data / 16
        >>> noisy = X + np.random.default_rng(0).normal(0, 0.25, X.shape)
        >>> denoiser = denoising(64, sigma=0.25, hidden_dims=(128,), output_activation="clip", max_epochs=20, random_state=0).fit(X)
        >>> bool(np.mean((denoiser.reconstruct(noisy) - X) ** 2) < 0.4 * np.mean((noisy - X) ** 2))
        True
    """
    chosen: dict[str, Any] = {
        "architecture": Dense(hidden_dims=(1024,), activation="relu", linear_path=True),
        "corruption": Gaussian(sigma),
        "optimizer": Adam(1e-3, schedule=Warmup(0.05, then=Cosine())),
        "scaling": None,
    }
    return Autoencoder(latent_dim, **(chosen | parameters))
