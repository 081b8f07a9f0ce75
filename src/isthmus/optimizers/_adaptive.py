from typing import Any

import jax
import jax.numpy as jnp

from isthmus._types import Tree

__all__ = ["adaptive_step_sizes"]


def adaptive_step_sizes(moments: Any, beta2: Any, epsilon: Any, rate: Any) -> Tree:
    """For each weight `rate / (sqrt(v_hat) + epsilon)`, with `v_hat` the second moment freed of the bias of its zero start.

    Args:
        moments: the state of an Optax transformation of Adam's kind: `count` steps and second moments `nu`.
        beta2: how much of `nu` survives a step.
        epsilon: added to the root.
        rate: of the step.
    """
    correction = 1.0 - beta2 ** jnp.maximum(moments.count, 1)
    return jax.tree.map(lambda nu: rate / (jnp.sqrt(nu / correction) + epsilon), moments.nu)
