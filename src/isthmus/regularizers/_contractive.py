from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from isthmus._types import Key, NonNegative, PerRow, PositiveInt, Tree

from ._base import AbstractRegularizer, View
from ._jacobians import mean_over_probes, pullback, rows_of


class Contractive(AbstractRegularizer):
    """How much the encoder's output moves when the row moves: the squared Frobenius norm of its Jacobian.

    `||d h / d x||_F^2`, one number a row, with `h` the encoder's output after the code activation. Directions that the
    reconstruction does not need are contracted: the code changes little along them. A network can pay less by making codes smaller and the
    decoder's weights larger; an activation that saturates at both ends, such as ``code_activation="sigmoid"``, and a penalty of the
    weights, such as `L2`, take that way out.

    It is exact by as many products with the transposed Jacobian as the output has entries, each as costly as a step back through the
    encoder. With `n_samples` it is an unbiased estimate from so many products: for wide codes, where one or two are enough.

    Attributes:
        weight: the factor of the penalty in the objective.
        n_samples: random directions a row; None for all, exactly.

    References:
        Rifai, Vincent, Muller, Glorot & Bengio, Contractive Auto-Encoders: Explicit Invariance During Feature Extraction, ICML 2011, where
        the encoder is one layer of sigmoids and its decoder has the same weights; Hutchinson, A Stochastic Estimator of the
        Trace of the Influence Matrix for Laplacian Smoothing Splines, Communications in Statistics 18, 1989.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.asarray([[0.0, 0.0], [1.0, 2.0]])
        >>> view = View(x, None, x**2, x**2, None, None, encode=lambda row: row**2, decode=None)
        >>> Contractive()((), view, key=None).tolist()  # the sum of (2 x_j)^2
        [0.0, 20.0]
    """

    takes_classes: ClassVar[bool] = False

    weight: NonNegative = 0.1
    n_samples: PositiveInt | None = None

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        shape = view.hidden.shape[1:]

        def exact(row: Any) -> Any:
            return jnp.sum(jnp.square(rows_of(pullback(view.encode, row), shape, view.hidden.dtype)))

        def squared(row: Any, v: Any) -> Any:
            return jnp.sum(jnp.square(pullback(view.encode, row)(v)))

        if self.n_samples is None:
            return jax.vmap(exact)(view.x)
        return mean_over_probes(squared, view.x, shape, self.n_samples, key=key)
