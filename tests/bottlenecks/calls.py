"""A bottleneck's call as one compiled program, which is cheaper than its operations one by one."""

import functools

import jax
import jax.numpy as jnp

__all__ = ["call"]


@functools.partial(jax.jit, static_argnames="indexed")
def _called(part, weights, state, hidden, mask, progress, key, *, indexed):
    latent, after = part(weights, state, hidden, None, mask=mask, progress=progress, key=key)
    return latent, after, part.indices(weights, state, hidden) if indexed else None, part.encode(weights, state, hidden)


def call(part, weights, state, hidden, *, mask=None, progress=0.5, key=None, indexed=False):
    """What a bottleneck makes of a batch, the next state, the indices where asked for, and what it encodes."""
    hidden = jnp.asarray(hidden, jnp.float32)
    mask = jnp.ones(len(hidden)) if mask is None else jnp.asarray(mask, jnp.float32)
    weights, state = jax.tree.map(jnp.asarray, (weights, state))
    return _called(part, weights, state, hidden, mask, progress, jax.random.key(0) if key is None else key, indexed=indexed)
