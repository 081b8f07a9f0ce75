"""Parts that the library does not have yet, as small as their roles allow."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import NonNegative, PositiveInt
from isthmus.bottlenecks import AbstractBottleneck, Latent
from isthmus.losses import AbstractLoss
from isthmus.regularizers import AbstractRegularizer

__all__ = ["Activity", "LearnedScale", "Normal", "Sampled", "Total"]


class Normal(AbstractBottleneck):
    """One code a row from a diagonal normal posterior, charged with `beta`, which rises over the run."""

    beta: NonNegative = 1.0

    def init(self, latent_shape, *, rng):
        return (), ()

    def hidden_shape(self, latent_shape):
        return (*latent_shape[:-1], 2 * latent_shape[-1])

    def __call__(self, weights, state, hidden, prior, *, mask, progress, key):
        mean, log_scale = jnp.split(hidden, 2, axis=-1)
        code = mean + jnp.exp(log_scale) * jax.random.normal(key, mean.shape)
        return Latent(code, {"kl": sum_features(prior.kl(mean, log_scale))}), state

    def encode(self, weights, state, hidden):
        return jnp.split(hidden, 2, axis=-1)[0]

    def term_weights(self, progress):
        return {"kl": self.beta * progress}

    def sample(self, weights, prior, shape, *, key):
        return prior.sample(shape, key=key)


class Sampled(AbstractBottleneck):
    """Several codes a row around the hidden value, with a learned width; `important` asks for the importance-weighted bound."""

    n_samples: PositiveInt = 3
    important: bool = False

    def init(self, latent_shape, *, rng):
        return np.float32(-0.5), ()

    def __call__(self, weights, state, hidden, prior, *, mask, progress, key):
        noise = jax.random.normal(key, (self.n_samples, *hidden.shape))
        code = hidden + jnp.exp(weights) * noise
        log_posterior = jnp.sum(-0.5 * jnp.square(noise) - weights - 0.5 * math.log(2.0 * math.pi), axis=-1)
        terms = {"size": sum_features(jnp.square(hidden)), "each": jnp.sum(code, axis=-1)}
        if self.important:
            terms["kl"] = log_posterior - prior.log_prob(code)
        return Latent(code, terms, self.important), state

    def encode(self, weights, state, hidden):
        return hidden

    def term_weights(self, progress):
        return {"kl": 1.0} if self.important else {}

    def sample(self, weights, prior, shape, *, key):
        return prior.sample(shape, key=key)


class LearnedScale(AbstractLoss):
    """Minus the normal log-likelihood, with one standard deviation for each feature, learned."""

    def init(self, shape, *, rng):
        return {"log_scale": np.zeros(shape, np.float32)}

    def __call__(self, weights, outputs, x):
        log_scale = weights["log_scale"]
        return sum_features(0.5 * jnp.square((outputs - x) * jnp.exp(-log_scale)) + log_scale + 0.5 * math.log(2.0 * math.pi))

    def mean(self, outputs):
        return outputs


class Activity(AbstractRegularizer):
    """The squares of each row's code."""

    weight: NonNegative = 1.0

    def __call__(self, weights, view, *, key):
        return sum_features(jnp.square(view.code))


class Total(AbstractRegularizer):
    """The square of the mean code over the batch's rows: one number for the batch."""

    weight: NonNegative = 1.0

    def __call__(self, weights, view, *, key):
        mean = jnp.sum(view.mask[:, None] * view.code, axis=0) / jnp.sum(view.mask)
        return jnp.sum(jnp.square(mean))
