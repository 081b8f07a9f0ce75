"""Networks that tell codes from others, and how they learn in the same step as what they judge.

```
value      of codes, at the discriminator's weights as they are   the model's weights go down it
own cost   of the discriminator, at the codes as they are         its weights go down it, on the same step
```
The second is added with a value of zero. So there is one objective and one gradient, as if the gradient were turned around between
the two (Ganin et al. 2016, arXiv:1505.07818), but each side has the cost that its paper gives it.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isthmus._activations import activate
from isthmus._types import Mask, PerRow, Scalar, Shape
from isthmus.initializers import FanScaled

from ._base import View

__all__ = ["Affine", "cross_entropy", "drawn_discriminator", "log_odds", "with_own_cost"]

_ACTIVATION = "leaky_relu"


class Affine(NamedTuple):
    """One layer of a discriminator."""

    weight: Any
    bias: Any


def drawn_discriminator(latent_shape: Shape, hidden_dims: tuple[int, ...], *, rng: np.random.Generator) -> tuple[Affine, ...]:
    """Layers from a code to one number, random but for the last, which is zero: the discriminator begins undecided."""
    layers = []
    for fan_in, fan_out in itertools.pairwise((math.prod(latent_shape), *hidden_dims)):
        layers.append(Affine(FanScaled()(fan_in, fan_out, _ACTIVATION, rng=rng), np.zeros(fan_out, np.float32)))
    width = (math.prod(latent_shape), *hidden_dims)[-1]
    return (*layers, Affine(np.zeros((width, 1), np.float32), np.zeros(1, np.float32)))


def log_odds(discriminator: tuple[Affine, ...], codes: Float[Array, "*codes dims"]) -> Float[Array, "*codes"]:
    """How much rather it takes each code for one of the first kind than of the second: `log D / (1 - D)`."""
    *hidden, last = discriminator
    for layer in hidden:
        codes = activate(_ACTIVATION, codes @ layer.weight + layer.bias)
    return (codes @ last.weight + last.bias)[..., 0]


def cross_entropy(first: Float[Array, "samples rows"], first_mask: Mask, second: Float[Array, "samples rows"], second_mask: Mask) -> Scalar:
    """What the discriminator pays for its odds of codes of the first and of the second kind: `-mean log D - mean log (1 - D)`."""
    missed = jnp.mean(jax.nn.softplus(-first), axis=0) @ first_mask / jnp.maximum(jnp.sum(first_mask), 1.0)
    return missed + jnp.mean(jax.nn.softplus(second), axis=0) @ second_mask / jnp.maximum(jnp.sum(second_mask), 1.0)


def with_own_cost(value: PerRow, cost: Scalar, weight: Any, view: View) -> PerRow:
    """The penalty's value, with the gradient of `cost` for the weights that `cost` depends on.

    The objective multiplies by `weight`, which says what the model pays, and divides by the number of features. Both are undone for `cost`,
    so that a discriminator learns alike beside every weight and every table.
    """
    n_features = math.prod(view.x.shape[1:])
    # At a weight of zero the objective takes the gradients of both sides away, and what they are multiplied by here must be finite.
    scale = n_features / jnp.maximum(weight, 1e-30)
    return value + jax.lax.stop_gradient(scale) * (cost - jax.lax.stop_gradient(cost))
