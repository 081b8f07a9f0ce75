import jax

from isthmus._types import Tree

__all__ = ["is_matrix"]


def is_matrix(weights: Tree) -> Tree:
    """For each array whether it has two or more dimensions: weight matrices and kernels decay, biases and gains do not."""
    return jax.tree.map(lambda array: array.ndim >= 2, weights)
