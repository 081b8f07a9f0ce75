from typing import ClassVar

import jax.numpy as jnp

from isthmus._types import Key, NonNegative, PerRow, Tree

from ._base import AbstractRegularizer, View
from ._codes import sampled_codes


class CodeL2(AbstractRegularizer):
    """Half the sum of the squares of each row's code: codes stay near the origin, and are not blown up to spare the decoder.

    `sum_j z_j^2 / 2`, one number a row; the mean over samples where the bottleneck draws several codes. It is minus the log-density of the
    code under a standard normal prior, up to a constant, and what the divergence of a `Gaussian` bottleneck charges for the mean. With
    a penalty of the decoder, `L2(halves=("decoder",))` or `DecoderJacobian`, it makes the regularized autoencoder (RAE), whose rows
    are sampled after `fit_density`.

    Attributes:
        weight: the factor of the penalty in the objective, beta in the paper.

    References:
        Ghosh, Sajjadi, Vergari, Black & Schölkopf, From Variational to Deterministic Autoencoders, 2020, arXiv:1903.12436, section 3.1.

    Example:
        >>> import jax.numpy as jnp
        >>> code = jnp.asarray([[3.0, 4.0], [0.0, 1.0]])
        >>> view = View(x=None, mask=None, hidden=code, code=code, prior=None, weights=None, encode=None, decode=None)
        >>> CodeL2()((), view, key=None).tolist()
        [12.5, 0.5]
    """

    is_monitored: ClassVar[bool] = True

    weight: NonNegative = 1e-2

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        codes = sampled_codes(view)
        return jnp.mean(jnp.sum(0.5 * jnp.square(codes), axis=tuple(range(2, codes.ndim))), axis=0)
