from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from isthmus._component import part_name
from isthmus._types import Key, NonNegative, PerRow, PositiveInt, Tree
from isthmus.errors import PartError

from ._base import AbstractRegularizer, View
from ._jacobians import mean_over_probes, pullback, pushforward, rows_of


class ReconstructionJacobian(AbstractRegularizer):
    """How much the reconstruction moves when the row moves: the squared Frobenius norm of the whole model's Jacobian.

    `||d y / d x||_F^2`, one number a row, with `y` the raw outputs, before the loss's link (logits for the Bernoulli loss). For a small
    `sigma` and the squared error it is what the corruption `Gaussian(sigma)` charges at `weight = sigma^2`, without the noise of its
    draws. It looks at the whole map, so that nothing is gained by making codes smaller and the decoder's weights larger, as with
    `Contractive`. The code must be the encoder's output, as it is with the deterministic bottleneck.

    It is exact by as many products as a code has entries, back through the encoder and forth through the decoder, however many
    features there are: `||D E||_F^2` is the sum of the entries of `D'D * E E'`, which are as small as a code. With `n_samples` it is an
    unbiased estimate from so many products with the transposed Jacobian: for wide codes.

    Attributes:
        weight: the factor of the penalty in the objective.
        n_samples: random directions a row; None for all, exactly.

    References:
        Alain & Bengio, What Regularized Auto-Encoders Learn from the Data-Generating Distribution, 2014, arXiv:1211.4246, the
        reconstruction contractive autoencoder; Hoffman, Roberts & Yaida, Robust Learning with Jacobian Regularization, 2019,
        arXiv:1908.02729, whose estimate draws from the sphere; random signs vary less, and no scale is needed.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.asarray([[0.0, 0.0], [1.0, 2.0]])
        >>> view = View(x, None, x**2, x**2, None, None, encode=lambda row: row**2, decode=lambda code: 3.0 * code)
        >>> ReconstructionJacobian()((), view, key=None).tolist()  # the sum of (6 x_j)^2
        [0.0, 180.0]
    """

    takes_classes: ClassVar[bool] = False

    weight: NonNegative = 0.01
    n_samples: PositiveInt | None = None

    def check_parts(self, parts: Any) -> None:
        bottleneck = part_name(type(parts.bottleneck))
        if bottleneck != "deterministic":
            raise PartError(
                f"`reconstruction_jacobian` needs the code to be the encoder's output; the bottleneck {bottleneck!r} lies between. Use "
                "'contractive' and 'decoder_jacobian', which look at the two sides of it, or the bottleneck 'deterministic'."
            )

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        shape, dtype = view.hidden.shape[1:], view.hidden.dtype

        def exact(row: Any, code: Any) -> Any:
            encoder = rows_of(pullback(view.encode, row), shape, dtype)
            decoder = rows_of(pushforward(view.decode, code), shape, dtype)
            return jnp.sum((encoder @ encoder.T) * (decoder @ decoder.T))

        def squared(row: Any, v: Any) -> Any:
            return jnp.sum(jnp.square(pullback(lambda row: view.decode(view.encode(row)), row)(v)))

        if self.n_samples is None:
            return jax.vmap(exact)(view.x, jax.vmap(view.encode)(view.x))
        outputs = jax.eval_shape(lambda row: view.decode(view.encode(row)), view.x[0]).shape
        return mean_over_probes(squared, view.x, outputs, self.n_samples, key=key)
