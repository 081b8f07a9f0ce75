"""Small models, and what a regularizer sees of them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.architectures import Dense
from isthmus.bottlenecks import Posterior
from isthmus.losses import SquaredError
from isthmus.model import Model, Parts, Weights
from isthmus.priors import BoundPrior, StandardNormal
from isthmus.regularizers import View

__all__ = [
    "STANDARD_NORMAL",
    "Draws",
    "amounts",
    "codes_view",
    "gaussian_codes",
    "model",
    "model_view",
    "network_weights",
    "penalty",
    "weights_view",
]

STANDARD_NORMAL = BoundPrior(StandardNormal(), ())


class Draws(NamedTuple):
    """A prior, in the place of a `BoundPrior`, that gives the rows of a table, one after another."""

    table: Any

    def sample(self, shape, *, key):
        return jnp.reshape(jnp.asarray(self.table, float)[: shape[0]], shape)


@jax.jit
def penalty(part, view, own=(), seed=0):
    """The part's value: as one compiled program it costs less than operation by operation."""
    return part(own, view, key=jax.random.key(seed))


def gaussian_codes(n_rows, mean=(0.0, 0.0), scale=(1.0, 1.0), correlation=0.0, seed=0):
    """Normal codes of two dimensions or, with means and scales of one, of one."""
    noise = np.random.default_rng(seed).normal(size=(n_rows, len(mean)))
    if len(mean) == 2:
        noise[:, 1] = correlation * noise[:, 0] + np.sqrt(1 - correlation**2) * noise[:, 1]
    return jnp.asarray(np.asarray(mean) + np.asarray(scale) * noise, float)


def codes_view(code, mask=None, *, prior=STANDARD_NORMAL, log_scale=None, n_rows=None, n_features=1):
    """For penalties of the codes alone; with `log_scale` they are their posteriors' means."""
    code = jnp.asarray(code, float)
    mask = jnp.ones(code.shape[0]) if mask is None else jnp.asarray(mask, float)
    posterior = None if log_scale is None else Posterior(code, jnp.broadcast_to(jnp.asarray(log_scale, float), code.shape))
    x = jnp.zeros((len(mask), n_features))
    return View(x, mask, code, code, prior, None, None, None, posterior, None if n_rows is None else jnp.asarray(n_rows, float))


def network_weights(seed=0):
    """Weights of two halves with a matrix, a kernel, a bias and a gain."""
    rng = np.random.default_rng(seed)
    encoder = {"kernel": jnp.asarray(rng.normal(size=(6, 4)), float), "bias": jnp.asarray(rng.normal(size=4), float)}
    decoder = {"kernel": jnp.asarray(rng.normal(size=(3, 3, 4, 6)), float), "gain": jnp.asarray(rng.normal(size=6), float)}
    return Weights(encoder, decoder, bottleneck=(), prior=(), loss=(), regularizers=())


def weights_view(weights):
    """For penalties of the weights alone."""
    return View(None, None, None, None, None, weights, None, None)


def amounts(weights, amount):
    """The same amount everywhere."""
    return jax.tree.map(lambda w: amount, weights)


def model(hidden_dims=(7,), *, data_shape=(5,), latent_shape=(3,), seed=0, **options):
    """A dense model with smooth units and biases that are not zero."""
    parts = Parts(Dense(hidden_dims, activation="tanh"), SquaredError(), data_shape=data_shape, latent_shape=latent_shape, **options)
    made, rng = Model.init(parts, rng=np.random.default_rng(seed)), np.random.default_rng(seed + 1)
    return made._replace(weights=jax.tree.map(lambda w: jnp.asarray(w + 0.3 * rng.normal(size=w.shape), jnp.float32), made.weights))


def model_view(model, x, mask=None):
    """As the objective makes it, for a model with the deterministic bottleneck."""
    code = model.hidden(x, key=None)

    def encode(row):
        return model.hidden(row[None], key=None)[0]

    def decode(code):
        return model.outputs(code[None], key=None)[0]

    return View(x, jnp.ones(len(x)) if mask is None else mask, code, code, None, model.weights, encode, decode)
