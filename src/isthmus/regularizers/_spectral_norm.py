from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._types import Key, NonNegative, PositiveInt, Scalar, Tree

from ._base import AbstractRegularizer, View
from ._matrices import flattened, matrices


class SpectralNorm(AbstractRegularizer):
    """The squares of the weight matrices' largest singular values: no layer stretches any direction much.

    `sum sigma_max(W)^2` over the weight matrices and kernels of encoder and decoder, each as the matrix from all its inputs to its
    outputs. The product of the `sigma_max` bounds how far outputs can move when inputs do. Unlike `L2` it leaves all other
    singular values alone.

    `sigma_max^2` is found by `n_iterations` of the power method, `v <- W'W v`, from one fixed start, and `||W v||^2 / ||v||^2` is never
    more than the true value: a lower bound, near it where the largest singular value stands out. The gradient is that of the bound,
    through all iterations. An iteration costs what two rows more in a batch would.

    Attributes:
        weight: the factor of the penalty in the objective.
        n_iterations: of the power method, anew at each step.

    References:
        Yoshida & Miyato, Spectral Norm Regularization for Improving the Generalizability of Deep Learning, 2017, arXiv:1705.10941. There
        half the squares are charged, one iteration a step goes on from the last step's vector, and the gradient takes the vector
        for constant; here the value depends on the weights alone.

    Example:
        >>> import jax.numpy as jnp
        >>> from types import SimpleNamespace
        >>> decoder = {"kernel": jnp.asarray([[3.0, 0.0], [0.0, 0.5], [4.0, 0.0]]), "bias": jnp.ones(2)}
        >>> weights = SimpleNamespace(encoder=(), decoder=decoder)
        >>> view = View(x=None, mask=None, hidden=None, code=None, prior=None, weights=weights, encode=None, decode=None)
        >>> round(float(SpectralNorm()((), view, key=None)), 4)  # 3^2 + 4^2
        25.0
    """

    weight: NonNegative = 1e-3
    n_iterations: PositiveInt = 10

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        return jnp.asarray(sum(self._largest_square(flattened(w)) for w in matrices(view.weights)), float)

    def _largest_square(self, w: Array) -> Array:
        # Drawn once and for all: a regular start, such as ones, is at right angles to the leading vector of too many regular matrices.
        start = np.random.default_rng(0).normal(size=w.shape[1])

        def iterated(_: Any, v: Array) -> Array:
            v = w.T @ (w @ v)
            # The quotient below does not depend on the length of v: what it is divided by here needs no gradient.
            return v / jax.lax.stop_gradient(_nonzero(jnp.max(jnp.abs(v))))

        v = jax.lax.fori_loop(0, self.n_iterations, iterated, jnp.asarray(start, w.dtype))
        return jnp.sum(jnp.square(w @ v)) / _nonzero(jnp.sum(jnp.square(v)))


def _nonzero(x: Array) -> Array:
    return jnp.where(x > 0.0, x, 1.0)
