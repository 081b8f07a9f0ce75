"""How the weight of a divergence rises over the training."""

from typing import Any

import jax.numpy as jnp

__all__ = ["risen"]


def risen(progress: Any, warmup: Any, n_cycles: int) -> Any:
    """The share of its final weight that a divergence has: from 0 to 1 over the `warmup` share of each of `n_cycles` equal cycles.

    At the end of the training, and where `warmup` is 0, it is 1.
    """
    within = jnp.where(progress >= 1.0, 1.0, (progress * n_cycles) % 1.0)
    return jnp.where(within < warmup, within / jnp.maximum(warmup, 1e-12), 1.0)
