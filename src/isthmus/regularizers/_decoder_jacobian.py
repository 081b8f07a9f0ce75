from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from isthmus._types import Key, NonNegative, PerRow, PositiveInt, Tree

from ._base import AbstractRegularizer, View
from ._codes import sampled_codes
from ._jacobians import mean_over_probes, pullback, pushforward, rows_of


class DecoderJacobian(AbstractRegularizer):
    """How much the decoder's outputs move when the code moves: the squared Frobenius norm of its Jacobian at each row's code.

    `||d y / d z||_F^2`, one number a row, with `y` the raw outputs, before the loss's link (logits for the Bernoulli loss). Codes near
    each other are then decoded to rows near each other, which is what interpolation between codes and sampling near them need. A
    network can pay less by making codes larger: bound them, say with ``code_activation="tanh"``, or charge them as well.

    It is exact by as many products with the Jacobian as a code has entries, each as costly as two steps through the decoder. With
    `n_samples` it is an unbiased estimate from so many products with the transposed Jacobian, each half as costly: for wide codes.

    Attributes:
        weight: the factor of the penalty in the objective.
        n_samples: random directions a row; None for all, exactly.

    References:
        Ghosh, Sajjadi, Vergari, Black & Schölkopf, From Variational to Deterministic Autoencoders, 2020, arXiv:1903.12436, the gradient
        penalty of section 3.1 (RAE-GP), there beside a penalty of the codes' squares, `CodeL2`. The paper's published program takes the
        slope of the sum of the outputs' squares instead, which says less about outputs near zero. Hutchinson 1989 for the estimate.

    Example:
        >>> import jax.numpy as jnp
        >>> code = jnp.asarray([[0.0, 0.0], [1.0, 2.0]])
        >>> view = View(code, None, code, code, None, None, encode=None, decode=lambda code: code**2)
        >>> DecoderJacobian()((), view, key=None).tolist()  # the sum of (2 z_j)^2
        [0.0, 20.0]
    """

    takes_classes: ClassVar[bool] = False

    weight: NonNegative = 0.01
    n_samples: PositiveInt | None = None

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        codes = sampled_codes(view)
        flat = jnp.reshape(codes, (-1, *codes.shape[2:]))

        def exact(code: Any) -> Any:
            return jnp.sum(jnp.square(rows_of(pushforward(view.decode, code), code.shape, code.dtype)))

        def squared(code: Any, v: Any) -> Any:
            return jnp.sum(jnp.square(pullback(view.decode, code)(v)))

        if self.n_samples is None:
            values = jax.vmap(exact)(flat)
        else:
            shape = jax.eval_shape(view.decode, flat[0]).shape
            values = mean_over_probes(squared, flat, shape, self.n_samples, key=key)
        return jnp.mean(jnp.reshape(values, codes.shape[:2]), axis=0)
