"""Small models, and what a regularizer sees of them."""

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.architectures import Dense
from isthmus.losses import SquaredError
from isthmus.model import Model, Parts, Weights
from isthmus.regularizers import View

__all__ = ["amounts", "model", "model_view", "network_weights", "weights_view"]


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
