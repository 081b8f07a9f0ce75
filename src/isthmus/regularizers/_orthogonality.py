import jax.numpy as jnp
from jaxtyping import Array

from isthmus._types import Key, NonNegative, Scalar, Tree

from ._base import AbstractRegularizer, View
from ._matrices import flattened, matrices


class Orthogonality(AbstractRegularizer):
    """How far the weight matrices are from orthonormal columns, or rows where there are fewer of them.

    `sum ||W'W - 1||_F^2` over the weight matrices and kernels of encoder and decoder, each as the matrix from all its inputs to its
    outputs; `W W'` where that is smaller, for only then can the penalty be zero. Orthonormal layers keep lengths, forward and backward:
    no direction is lost or blown up. A product of two copies of each matrix is paid at each step, little beside batches of more rows
    than layers are wide.

    Attributes:
        weight: the factor of the penalty in the objective.

    References:
        Bansal, Chen & Wang, Can We Gain More from Orthogonality Regularizations in Training Deep Networks?, 2018, arXiv:1810.09102, the
        soft orthogonality of section 3.1; there the side of the outputs is always taken.

    Example:
        >>> import jax.numpy as jnp
        >>> from types import SimpleNamespace
        >>> decoder = {"kernel": jnp.asarray([[0.6, 0.8, 0.0], [0.0, 0.0, 2.0]]), "bias": jnp.ones(3)}
        >>> weights = SimpleNamespace(encoder=(), decoder=decoder)
        >>> view = View(x=None, mask=None, hidden=None, code=None, prior=None, weights=weights, encode=None, decode=None)
        >>> float(Orthogonality()((), view, key=None))  # (1 - 1)^2 + (4 - 1)^2
        9.0
    """

    weight: NonNegative = 1e-4

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        return jnp.asarray(sum(_distance(flattened(w)) for w in matrices(view.weights)), float)


def _distance(w: Array) -> Scalar:
    w = w if w.shape[0] >= w.shape[1] else w.T
    return jnp.sum(jnp.square(w.T @ w - jnp.eye(w.shape[1], dtype=w.dtype)))
