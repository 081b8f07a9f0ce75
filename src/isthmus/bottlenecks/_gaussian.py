import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Code, Hidden, Key, Mask, NonNegative, PerRow, PositiveInt, Scalar, Shape, Share, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior

from ._annealing import risen
from ._base import AbstractBottleneck, Latent, Posterior

_LOG_TWO_PI = math.log(2.0 * math.pi)


class Gaussian(AbstractBottleneck):
    """A normal posterior for each row, from which the code is drawn: the variational autoencoder.

    The encoder gives `m` and `log s`, and `z = m + s * noise`, so that gradients pass through the draw. Beside the reconstruction a row
    costs `beta KL(q(z | x) || p(z))` in nats, in closed form where the prior has one, else `log q(z | x) - log p(z)` at the codes
    drawn. With a likelihood as the loss and `beta=1` that is minus the evidence lower bound (ELBO) on `log p(x)`; no other constant
    is hidden in it. `transform` gives the mean `m`. `n_samples` codes a row make the gradient less noisy, and with `importance_weighted`
    a tighter bound, `log mean_k p(x, z_k) / q(z_k | x)`. A `code_activation` is applied to `m`.

    Attributes:
        beta: weight of the divergence; less than 1 for better reconstructions, more for fewer and more independent active dimensions.
        covariance: "diag", or "full": the encoder gives a Cholesky factor as well, for codes whose dimensions belong together.
        n_samples: codes drawn for each row and step.
        importance_weighted: whether they make one bound instead of the mean of several.
        warmup: the share of the training, or of each cycle, over which the weight rises from 0 to `beta`: it helps against codes that
            stay unused.
        n_cycles: how often it does.
        free_bits: nats that each dimension may cost, in the batch's mean, before it is charged; None for none.
        capacity: nats at which the batch's mean divergence is to be at the end of training, reached in a straight line; what is charged is
            `beta |KL - capacity|`. None for the plain divergence.

    References:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, arXiv:1312.6114. Higgins et al., beta-VAE, 2017. Burda, Grosse &
        Salakhutdinov, Importance Weighted Autoencoders, 2016, arXiv:1509.00519. Kingma et al., Improving Variational Inference with
        Inverse Autoregressive Flow, 2016, arXiv:1606.04934: free bits, here a dimension a group. Burgess et al., Understanding
        Disentangling in beta-VAE, 2018, arXiv:1804.03599: capacity. Fu et al., Cyclical Annealing Schedule, 2019, arXiv:1903.10145.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data / 16
        >>> bottleneck = Gaussian(beta=1.0, warmup=0.2)
        >>> autoencoder = Autoencoder(2, loss="bernoulli", bottleneck=bottleneck, max_epochs=3, random_state=0)
        >>> autoencoder.fit(X).transform(X).shape
        (1797, 2)
    """

    needs_prior: ClassVar[bool] = True
    is_probabilistic: ClassVar[bool] = True

    beta: NonNegative = 1.0
    _: KW_ONLY
    covariance: Literal["diag", "full"] = "diag"
    n_samples: PositiveInt = 1
    importance_weighted: bool = False
    warmup: Share = 0.0
    n_cycles: PositiveInt = 1
    free_bits: NonNegative | None = None
    capacity: NonNegative | None = None

    def check(self) -> None:
        if self.free_bits is not None and self.capacity is not None:
            raise PartError("`gaussian.free_bits` and `gaussian.capacity` both change what the divergence costs. Give one of them.")
        if self.importance_weighted and (self.free_bits is not None or self.capacity is not None):
            raise PartError("An importance-weighted bound is no sum with a divergence in it. Leave `free_bits` and `capacity` None.")
        if self.free_bits is not None and self.covariance == "full":
            raise PartError("`gaussian.free_bits` are counted for each dimension, which a full covariance does not part. Use 'diag'.")

    def check_parts(self, parts: Any) -> None:
        if self.covariance == "full" and len(parts.latent_shape) != 1:
            raise PartError(f"`gaussian.covariance`='full' is for codes of one axis; these have the shape {parts.latent_shape}.")

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        return (), ()

    def hidden_shape(self, latent_shape: Shape) -> Shape:
        n = latent_shape[-1]
        return (*latent_shape[:-1], 2 * n if self.covariance == "diag" else 2 * n + n * (n - 1) // 2)

    def __call__(
        self, weights: Tree, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        assert prior is not None
        codes, log_posterior = self.draw(weights, hidden, self.n_samples, key=key)
        by_dimension = None if self.importance_weighted else self.divergence(weights, hidden, prior)
        kl = log_posterior - prior.log_prob(codes) if by_dimension is None else sum_features(by_dimension)
        terms = {"kl": kl} | self._adjustments(by_dimension, kl, mask, progress)
        if self.n_samples == 1 and not self.importance_weighted:
            codes, terms = codes[0], {name: term[0] if term.ndim > 1 else term for name, term in terms.items()}
        return Latent(codes, terms, self.importance_weighted), state

    def encode(self, weights: Tree, state: Tree, hidden: Hidden) -> Code:
        return hidden[..., : self._n_dims(hidden)]

    @property
    def has_normal_posterior(self) -> bool:
        return self.covariance == "diag"

    def posterior(self, weights: Tree, hidden: Hidden) -> Posterior | None:
        if not self.has_normal_posterior:
            return None
        mean, log_scale = jnp.split(hidden, 2, axis=-1)
        return Posterior(mean, log_scale)

    def draw(self, weights: Tree, hidden: Hidden, n: int, *, key: Key) -> tuple[Code, PerRow]:
        n_dims = self._n_dims(hidden)
        mean, log_scale = hidden[..., :n_dims], hidden[..., n_dims : 2 * n_dims]
        noise = jax.random.normal(key, (n, *mean.shape))
        log_density = sum_features(-log_scale) + _standard_log_density(noise, n_axes=mean.ndim - 1)
        if self.covariance == "diag":
            return mean + jnp.exp(log_scale) * noise, log_density
        return mean + jnp.einsum("rij,srj->sri", self._factor(hidden), noise), log_density

    def divergence(self, weights: Tree, hidden: Hidden, prior: BoundPrior | None) -> Any:
        assert prior is not None
        n_dims = self._n_dims(hidden)
        mean, log_scale = hidden[..., :n_dims], hidden[..., n_dims : 2 * n_dims]
        if self.covariance == "diag":
            return prior.kl(mean, log_scale)
        marginal = 0.5 * jnp.log(jnp.sum(jnp.square(self._factor(hidden)), axis=-1))
        by_dimension = prior.kl(mean, marginal)
        # What is known of each dimension from those before it comes on top.
        return None if by_dimension is None else by_dimension + marginal - log_scale

    def log_prior(self, prior: BoundPrior | None, code: Code) -> PerRow:
        assert prior is not None
        return prior.log_prob(code)

    def sample(self, weights: Tree, prior: BoundPrior | None, shape: Shape, *, key: Key) -> Code:
        assert prior is not None
        return prior.sample(shape, key=key)

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        weight = self.beta * risen(progress, self.warmup, self.n_cycles)
        if self.capacity is not None:
            return {"beyond_capacity": weight}
        return {"kl": weight} if self.free_bits is None else {"kl": weight, "free": weight}

    def _adjustments(self, by_dimension: Any, kl: Any, mask: Mask, progress: Any) -> dict[str, Any]:
        if self.free_bits is not None:
            if by_dimension is None:
                raise PartError("`gaussian.free_bits` need a prior whose divergence has a closed form, such as 'standard_normal'.")
            missing = jnp.maximum(self.free_bits - _batch_mean(by_dimension, mask), 0.0)
            return {"free": jnp.full(mask.shape, jnp.sum(missing))}
        if self.capacity is not None:
            mean = jnp.mean(_batch_mean(jnp.moveaxis(kl, -1, 0), mask))
            return {"beyond_capacity": jnp.full(mask.shape, jnp.abs(mean - self.capacity * progress))}
        return {}

    def _factor(self, hidden: Hidden) -> Any:
        """The lower triangular Cholesky factor of each row's covariance, (rows, n, n)."""
        n_dims = self._n_dims(hidden)
        scales, below = jnp.exp(hidden[..., n_dims : 2 * n_dims]), hidden[..., 2 * n_dims :]
        rows, columns = np.tril_indices(n_dims, -1)
        factor = jnp.zeros((*hidden.shape[:-1], n_dims, n_dims)).at[..., rows, columns].set(below)
        return factor + scales[..., None] * jnp.eye(n_dims)

    def _n_dims(self, hidden: Hidden) -> int:
        """How many numbers there are along the last axis of a code: `n` of `2 n`, or of `2 n + n (n - 1) / 2`."""
        n = hidden.shape[-1]
        return n // 2 if self.covariance == "diag" else round((math.sqrt(9 + 8 * n) - 3) / 2)


def _standard_log_density(noise: Any, n_axes: int) -> Any:
    """Of independent standard normal numbers, summed over the last `n_axes` axes."""
    axes = tuple(range(-n_axes, 0))
    return jnp.sum(-0.5 * (jnp.square(noise) + _LOG_TWO_PI), axis=axes)


def _batch_mean(values: Any, mask: Mask) -> Any:
    """The mean over the rows that count, the first axis of `values`."""
    return jnp.tensordot(mask, values, axes=1) / jnp.maximum(jnp.sum(mask), 1.0)
