from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus._types import Tree

__all__ = ["flattened", "is_matrix", "matrices", "shrunk"]


def is_matrix(w: Array) -> bool:
    """Whether an array multiplies its input: two dimensions or more, unlike biases and the gains of a norm.

    A bias holds the level of the data, and a gain the scale; to pull either towards zero says nothing about how complex the
    network is.
    """
    return w.ndim >= 2


def matrices(weights: Tree, halves: tuple[str, ...] = ("encoder", "decoder")) -> list[Array]:
    """The weight matrices and kernels of the encoder and the decoder, or of one of them."""
    return [w for w in jax.tree.leaves([getattr(weights, half) for half in halves]) if is_matrix(w)]


def flattened(w: Array) -> Array:
    """A matrix or kernel as the matrix (inputs, outputs) that it is to a vector of inputs: outputs are on the last axis."""
    return jnp.reshape(w, (-1, w.shape[-1]))


def shrunk(proximal_map: Callable[[Array, Any], Array], weights: Tree, amounts: Tree) -> Tree:
    """The weights with `proximal_map(w, amount)` in the place of each matrix and kernel of the encoder and the decoder."""

    def at(w: Array, amount: Any) -> Array:
        return proximal_map(w, amount) if is_matrix(w) else w

    encoder = jax.tree.map(at, weights.encoder, amounts.encoder)
    return weights._replace(encoder=encoder, decoder=jax.tree.map(at, weights.decoder, amounts.decoder))
