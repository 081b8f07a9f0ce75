"""Named models: functions of a few lines that choose parts and return an estimator."""

from typing import Any

from isthmus import corruptions
from isthmus.architectures import Dense
from isthmus.bottlenecks import FiniteScalar, Gaussian, Hyperspherical, TopK, VectorQuantized
from isthmus.estimators import Autoencoder
from isthmus.losses import Normal
from isthmus.optimizers import Adam, Cosine, Warmup
from isthmus.priors import Vamp
from isthmus.regularizers import L2, Adversary, CodeL2, Contractive, FactorAdversary, MeanDiscrepancy, TotalCorrelation

__all__ = [
    "aae",
    "beta_tc_vae",
    "beta_vae",
    "contractive",
    "denoising",
    "factor_vae",
    "fsq",
    "info_vae",
    "iwae",
    "rae",
    "sparse",
    "sphere_vae",
    "vae",
    "vamp_vae",
    "vqvae",
    "wae",
]


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
    chosen = _over(
        parameters,
        architecture=Dense(hidden_dims=(1024,), activation="relu", linear_path=True),
        corruption=corruptions.Gaussian(sigma),
        optimizer=Adam(1e-3, schedule=Warmup(0.05, then=Cosine())),
        scaling=None,
    )
    return Autoencoder(latent_dim, **chosen)


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
    return Autoencoder(latent_dim, **_over(parameters, loss=Normal(spread="shared"), bottleneck=Gaussian(beta)))


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
    return vae(latent_dim, beta=beta, **_over(parameters, loss=Normal()))


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
    return vae(latent_dim, **_over(parameters, bottleneck=Gaussian(n_samples=n_samples, importance_weighted=True)))


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
    return vae(latent_dim, **_over(parameters, prior=Vamp(n_pseudo_rows)))


def wae(latent_dim: int = 8, *, weight: float = 100.0, **parameters: Any) -> Autoencoder:
    """The Wasserstein autoencoder: a plain one whose codes, all together, are drawn to the prior, so that rows can be sampled.

    `|x - g(f(x))|^2 + weight MMD^2(codes, prior)`: the discrepancy between the batch's codes and draws from the prior is charged, and not
    each row's own divergence, so that nothing blurs (Tolstikhin et al. 2018, arXiv:1711.01558; the discrepancy is `MeanDiscrepancy`).
    Pass ``regularizers="sliced_wasserstein"`` for another distance.

    Args:
        latent_dim: numbers in a code.
        weight: of the discrepancy, beside errors summed over features of unit variance.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> wae(4, max_epochs=3, random_state=0).fit(load_digits().data).sample(2).shape
        (2, 64)
    """
    return Autoencoder(latent_dim, **_over(parameters, regularizers=(MeanDiscrepancy(weight),)))


def info_vae(latent_dim: int = 2, *, alpha: float = 0.5, weight: float = 100.0, **parameters: Any) -> Autoencoder:
    """A variational autoencoder that keeps more of each row in its code: the divergence is charged less, the discrepancy of all codes more.

    `-E_q log p(x | z) + (1 - alpha) KL(q(z | x) || p(z)) + weight MMD^2(q(z), p(z))` (Zhao, Song & Ermon 2019, arXiv:1706.02262), where
    `weight` is `alpha + lambda - 1`. With ``alpha=1`` it is MMD-VAE.

    Args:
        latent_dim: numbers in a code.
        alpha: what the divergence is charged less, in [0, 1].
        weight: of the discrepancy, in nats.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> info_vae(4, alpha=1.0).get_params()["bottleneck__beta"]
        0.0
    """
    return vae(latent_dim, beta=1.0 - alpha, **_over(parameters, regularizers=(MeanDiscrepancy(weight),)))


def aae(latent_dim: int = 8, *, weight: float = 1.0, **parameters: Any) -> Autoencoder:
    """The adversarial autoencoder: codes are drawn to the prior by a discriminator that tries to tell them from it.

    `|x - g(f(x))|^2 + weight (log 1/2 - log D(f(x)))`, while `D` learns to tell codes from draws (Makhzani et al. 2016, arXiv:1511.05644),
    both in one step; see `Adversary` for the departures. `wae` has the same aim and no adversary to be tuned.

    Args:
        latent_dim: numbers in a code.
        weight: of the adversary, beside errors summed over features of unit variance.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> aae(4, weight=2.0).get_params()["regularizers__adversary__weight"]
        2.0
    """
    return Autoencoder(latent_dim, **_over(parameters, regularizers=(Adversary(weight),)))


def beta_tc_vae(latent_dim: int = 10, *, beta: float = 6.0, **parameters: Any) -> Autoencoder:
    """A variational autoencoder whose code's entries are to tell nothing about each other: the total correlation is charged `beta` times.

    `-ELBO + (beta - 1) KL(q(z) || prod_j q(z_j))` (Chen et al. 2018, arXiv:1802.04942): what `beta_vae` charges for everything is charged
    for dependence alone. Errors are normal with a fixed standard deviation, as in `beta_vae`.

    Args:
        latent_dim: numbers in a code.
        beta: weight of the total correlation, 1 for the plain bound.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> beta_tc_vae(4, beta=3.0).get_params()["regularizers__total_correlation__weight"]
        2.0
    """
    return vae(latent_dim, **_over(parameters, loss=Normal(), regularizers=(TotalCorrelation(beta - 1.0),)))


def factor_vae(latent_dim: int = 10, *, gamma: float = 10.0, **parameters: Any) -> Autoencoder:
    """A variational autoencoder whose code's entries are to tell nothing about each other, by a discriminator that learns along.

    `-ELBO + gamma KL(q(z) || prod_j q(z_j))`, the second term by a discriminator of whole codes from shuffled ones (Kim & Mnih 2018,
    arXiv:1802.05983). `beta_tc_vae` estimates the same without one; this one is better in small batches.

    Args:
        latent_dim: numbers in a code.
        gamma: weight of the total correlation beside the bound.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> factor_vae(4).get_params()["regularizers__factor_adversary__weight"]
        10.0
    """
    return vae(latent_dim, **_over(parameters, loss=Normal(), regularizers=(FactorAdversary(gamma),)))


def rae(latent_dim: int = 8, *, weight: float = 1e-3, decay: float = 1e-7, **parameters: Any) -> Autoencoder:
    """The regularized autoencoder (RAE-L2): a plain one with small codes and small decoder weights, sampled after `fit_density`.

    `|x - g(f(x))|^2 + weight |f(x)|^2 / 2 + decay |W_g|^2` (Ghosh et al. 2020, arXiv:1903.12436): what makes rows near each other have
    codes near each other, without drawing any. Rows come from a mixture of normal distributions on the codes. RAE-GP, with a penalty of the
    decoder's Jacobian, is ``regularizers=("code_l2", "decoder_jacobian")``.

    Args:
        latent_dim: numbers in a code.
        weight: of the squares of codes, beside errors summed over features of unit variance.
        decay: of the squares of the decoder's weights, beside errors averaged over features.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data
        >>> rae(4, max_epochs=3, random_state=0).fit(X).fit_density(X, n_components=5).sample(2).shape
        (2, 64)
    """
    return Autoencoder(latent_dim, **_over(parameters, regularizers=(CodeL2(weight), L2(decay, halves=("decoder",)))))


def vqvae(latent_dim: int = 16, *, n_codes: int = 64, n_groups: int = 4, **parameters: Any) -> Autoencoder:
    """Codes are entries of a learned codebook: whole numbers, `codes(X)`, that say all.

    `|x - g(e_k)|^2 + commitment |f(x) - e_k|^2`, with `e_k` the entry nearest to `f(x)`, for each of `n_groups` parts of the code (van den
    Oord, Vinyals & Kavukcuoglu 2017, arXiv:1711.00937); entries are moving averages of what they stand for.

    Args:
        latent_dim: numbers in a code, over all groups.
        n_codes: entries of the codebook.
        n_groups: entries a row; a row costs ``n_groups * log2(n_codes)`` bits.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data
        >>> vqvae(max_epochs=3, random_state=0).fit(X).codes(X).shape
        (1797, 4)
    """
    return Autoencoder(latent_dim, **_over(parameters, bottleneck=VectorQuantized(n_codes, n_groups=n_groups)))


def fsq(latent_dim: int = 8, *, levels: int = 8, **parameters: Any) -> Autoencoder:
    """Codes are whole numbers by rounding: each dimension takes one of a few levels, and there is no codebook to learn.

    `z_j = round(bounded(f(x)_j))`, with the gradient of the identity (Mentzer et al. 2023, arXiv:2309.15505).

    Args:
        latent_dim: numbers in a code.
        levels: of each; a row costs ``latent_dim * log2(levels)`` bits.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data
        >>> int(fsq(4, levels=5, max_epochs=3, random_state=0).fit(X).codes(X).max())
        4
    """
    return Autoencoder(latent_dim, **_over(parameters, bottleneck=FiniteScalar((levels,))))


def sphere_vae(latent_dim: int = 8, **parameters: Any) -> Autoencoder:
    """A variational autoencoder whose codes are directions: points of the unit sphere, with a uniform prior.

    `E_q log p(x | z) - KL(vMF(m, k) || uniform)` (Davidson et al. 2018, arXiv:1804.00891): there is no center that codes are drawn to,
    which suits groups that are to lie apart, and angles. Up to some twenty dimensions.

    Args:
        latent_dim: numbers in a code, at least 2; the sphere has one dimension less.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> sphere_vae(3).get_params()["bottleneck"]
        Hyperspherical(beta=1.0, warmup=0.0, n_cycles=1)
    """
    return vae(latent_dim, **_over(parameters, bottleneck=Hyperspherical()))


def sparse(latent_dim: int = 128, *, k: int = 8, **parameters: Any) -> Autoencoder:
    """Wide codes of which a few entries are used at a time: each tends to stand for something that can be named.

    The `k` largest activations of a row are kept, the rest is zero (Makhzani & Frey 2013, arXiv:1312.5663; Gao et al. 2024,
    arXiv:2406.04093). `BatchTopK` and `JumpRelu` let rows use as many as they need.

    Args:
        latent_dim: numbers in a code, often more than the data have.
        k: how many are not zero.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data
        >>> int((sparse(max_epochs=3, random_state=0).fit(X).transform(X) > 0).sum(axis=1).max())
        8
    """
    return Autoencoder(latent_dim, **_over(parameters, bottleneck=TopK(k)))


def contractive(latent_dim: int = 8, *, weight: float = 0.1, **parameters: Any) -> Autoencoder:
    """An autoencoder whose code moves little when the row does, apart from what the reconstruction needs.

    `|x - g(f(x))|^2 + weight |df / dx|_F^2` (Rifai et al. 2011, Contractive Auto-Encoders), with codes in (0, 1) so that they cannot just
    become small.

    Args:
        latent_dim: numbers in a code.
        weight: of the Jacobian's squared norm.
        parameters: any parameter of `Autoencoder`, in place of what is chosen here.

    Example:
        >>> contractive(4).get_params()["regularizers"]
        (Contractive(weight=0.1, n_samples=None),)
    """
    return Autoencoder(latent_dim, **_over(parameters, regularizers=(Contractive(weight),), code_activation="sigmoid"))


def _over(parameters: dict[str, Any], **chosen: Any) -> dict[str, Any]:
    """What is chosen, and in its place what was given."""
    return chosen | parameters
