import jax
from jaxtyping import Array

from isthmus._types import Tree

__all__ = ["is_matrix", "matrices"]


def is_matrix(w: Array) -> bool:
    """Whether an array multiplies its input: two dimensions or more, unlike biases and the gains of a norm.

    A bias holds the level of the data, and a gain the scale; to pull either towards zero says nothing about how complex the
    network is.
    """
    return w.ndim >= 2


def matrices(weights: Tree) -> list[Array]:
    """The weight matrices and kernels of the encoder and the decoder."""
    return [w for w in jax.tree.leaves((weights.encoder, weights.decoder)) if is_matrix(w)]
