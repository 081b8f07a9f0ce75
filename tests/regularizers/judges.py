"""Discriminators: by hand, and taught."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

__all__ = ["log_odds", "moved_weights", "softplus", "taught"]


def moved_weights(part, latent_shape=(2,), seed=2):
    """A discriminator's weights away from where it begins, undecided."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda w: jnp.asarray(w + 0.3 * rng.normal(size=w.shape), float), part.init(latent_shape, rng=rng))


def softplus(x):
    return np.logaddexp(0.0, np.asarray(x, np.float64))


def log_odds(own, codes):
    """What the discriminator says of codes, in NumPy."""
    *hidden, last = ((np.asarray(layer.weight, np.float64), np.asarray(layer.bias, np.float64)) for layer in own)
    codes = np.asarray(codes, np.float64)
    for weight, bias in hidden:
        codes = codes @ weight + bias
        codes = np.where(codes > 0, codes, 0.01 * codes)
    return (codes @ last[0] + last[1])[..., 0]


def taught(part, view, n_steps=200):
    """The own weights after some steps of Adam, with fresh draws in each, while the codes stay where they are."""
    optimizer = optax.adam(0.01)
    own = jax.tree.map(jnp.asarray, part.init(view.code.shape[1:], rng=np.random.default_rng(0)))

    def step(carry, key):
        own, state = carry
        slope = jax.grad(lambda own: jnp.mean(part(own, view, key=key)))(own)
        updates, state = optimizer.update(slope, state)
        return (optax.apply_updates(own, updates), state), None

    return jax.jit(lambda carry: jax.lax.scan(step, carry, jax.random.split(jax.random.key(0), n_steps))[0][0])((own, optimizer.init(own)))
