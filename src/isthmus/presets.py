"""Named models: functions of a few lines that choose parts and return an estimator."""

from typing import Any

from isthmus import corruptions
from isthmus.architectures import Dense
from isthmus.bottlenecks import Gaussian
from isthmus.estimators import Autoencoder
from isthmus.losses import Normal
from isthmus.optimizers import Adam, Cosine, Warmup
from isthmus.priors import Vamp

__all__ = ["beta_vae", "denoising", "iwae", "vae", "vamp_vae"]


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
        "corruption": corruptions.Gaussian(sigma),
        "optimizer": Adam(1e-3, schedule=Warmup(0.05, then=Cosine())),
        "scaling": None,
    }
    return Autoencoder(latent_dim, **(chosen | parameters))


def vae(latent_dim: int = 2, *, beta: float = 1.0, **parameters: Any) -> Autoencoder:
    """The variational autoencoder: codes are drawn from a normal posterior, and rows can be drawn from the prior.

    `E_q log p(x | z) - beta KL(q(z | x) || N(0, 1))` is maximized; with `beta=1` it is the evidence lower bound (Kingma & Welling 2014,
    arXiv:1312.6114). Rows are real numbers with normal errors, whose common standard deviation is learned too (Rybkin et al. 2021,
    arXiv:2006.13202); pass ``loss="bernoulli"`` for binary rows, "poisson" for counts. The network is drawn at random, with no linear path.

    Args:
        latent_dim: numbers in a code.
        beta: weight of the divergence.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data
        >>> model = vae(4, max_epochs=5, random_state=0).fit(X)
        >>> model.sample(3).shape
        (3, 64)
        >>> sorted(model.elbo(X))
        ['elbo', 'kl', 'reconstruction']
    """
    chosen: dict[str, Any] = {"loss": Normal(spread="shared"), "bottleneck": Gaussian(beta)}
    return Autoencoder(latent_dim, **(chosen | parameters))


def beta_vae(latent_dim: int = 10, *, beta: float = 4.0, **parameters: Any) -> Autoencoder:
    """A variational autoencoder that pays more for its code: fewer active dimensions, each nearer to a factor of its own.

    `E_q log p(x | z) - beta KL(q(z | x) || N(0, 1))` with `beta` above 1 and normal errors of a fixed standard deviation, 1 in the unit
    of the rows, for a learned one would undo `beta` (Higgins et al. 2017, beta-VAE). Give rows of about unit variance, or the standard
    deviation of what is noise in yours, as ``loss__sigma``.

    Args:
        latent_dim: numbers in a code.
        beta: weight of the divergence.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> beta_vae(6, beta=2.0).get_params()["bottleneck__beta"]
        2.0
    """
    return vae(latent_dim, beta=beta, **({"loss": Normal()} | parameters))


def iwae(latent_dim: int = 2, *, n_samples: int = 10, **parameters: Any) -> Autoencoder:
    """A variational autoencoder with a tighter bound: several codes a row, each weighted by its importance.

    `E log 1/n sum_k p(x, z_k) / q(z_k | x)` (Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519). The decoder becomes better and uses
    more dimensions; a step costs `n_samples` decoders.

    Args:
        latent_dim: numbers in a code.
        n_samples: codes for each row and step.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> iwae(4, n_samples=5).get_params()["bottleneck__n_samples"]
        5
    """
    chosen: dict[str, Any] = {"bottleneck": Gaussian(n_samples=n_samples, importance_weighted=True)}
    return vae(latent_dim, **(chosen | parameters))


def vamp_vae(latent_dim: int = 2, *, n_pseudo_rows: int = 100, **parameters: Any) -> Autoencoder:
    """A variational autoencoder whose prior is learned: a mixture of the posteriors of learned pseudo-rows.

    `p(z) = 1 / K sum_k q(z | u_k)` (Tomczak & Welling 2018, arXiv:1705.07120). Rows drawn from it are better, and codes may form groups; a
    step encodes `n_pseudo_rows` rows more.

    Args:
        latent_dim: numbers in a code.
        n_pseudo_rows: how many there are.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> vamp_vae(4, n_pseudo_rows=50).get_params()["prior"]
        Vamp(n_pseudo_rows=50)
    """
    chosen: dict[str, Any] = {"prior": Vamp(n_pseudo_rows)}
    return vae(latent_dim, **(chosen | parameters))
