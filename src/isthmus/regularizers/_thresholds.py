from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

__all__ = ["soft_threshold"]


def soft_threshold(w: Array, amount: Any) -> Array:
    """The proximal map of `amount |w|`: `sign(w) max(|w| - amount, 0)`."""
    # What is left of w beside its projection onto [-amount, amount]: exactly zero inside, and not-a-number stays visible.
    return w - jnp.clip(w, -amount, amount)
