import jax.numpy as jnp

from isthmus._types import Key, NonNegative, PerRow, Tree

from ._base import AbstractRegularizer, View
from ._codes import sampled_codes


class ActivityL1(AbstractRegularizer):
    """The sum of the absolute values of each row's code: few entries of a code are far from zero at a time.

    `sum_j |z_j|`, one number a row; the mean over samples where the bottleneck draws several codes. It applies to *codes*; `L1` makes
    weights sparse. Its slope is the same at every distance from zero, where it jumps: with ``code_activation="relu"`` entries become
    exactly zero, without it they jitter close to zero.

    A network can pay less by making codes smaller and the decoder's weights larger, without making codes sparse. A penalty of the
    weights beside it, such as `L2`, takes that way out.

    Attributes:
        weight: the factor of the penalty in the objective.

    References:
        Olshausen & Field, Emergence of Simple-Cell Receptive Field Properties by Learning a Sparse Code for Natural Images, Nature 381,
        1996; Glorot, Bordes & Bengio, Deep Sparse Rectifier Neural Networks, AISTATS 2011, for the penalty of rectified
        units.

    Example:
        >>> import jax.numpy as jnp
        >>> code = jnp.asarray([[3.0, -0.5], [0.0, 1.0]])
        >>> view = View(x=None, mask=None, hidden=code, code=code, prior=None, weights=None, encode=None, decode=None)
        >>> ActivityL1()((), view, key=None).tolist()
        [3.5, 1.0]
    """

    weight: NonNegative = 0.1

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        codes = jnp.abs(sampled_codes(view))
        return jnp.mean(jnp.sum(codes, axis=tuple(range(2, codes.ndim))), axis=0)
