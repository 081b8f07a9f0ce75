import jax.numpy as jnp

from isthmus._types import Key, NonNegative, Scalar, Tree

from ._base import AbstractProximal, View
from ._matrices import matrices, shrunk
from ._thresholds import soft_threshold


class L1(AbstractProximal):
    """The sum of the weights' absolute values, as in the lasso: weights that do not earn their keep become exactly zero.

    `sum |w|` over the weight matrices and kernels of encoder and decoder, not over biases nor the gains of norms. It applies to
    *weights*; it does not make codes sparse.

    Its slope jumps at zero, so that gradient steps would jitter around zero and never stop there. Each step is therefore followed by
    the proximal map `w -> sign(w) max(|w| - amount, 0)`, with `amount` the step that the optimizer took for a unit gradient in that
    coordinate, times `weight`. Under Adam it differs from one weight to another, which is what makes the limit a minimum of the
    penalized objective.

    Attributes:
        weight: the factor of the penalty in the objective.

    References:
        Tibshirani, Regression Shrinkage and Selection via the Lasso, Journal of the Royal Statistical Society B 58, 1996;
        Yun, Lozano & Yang, A General Family of Stochastic Proximal Gradient Methods for Deep Learning, 2020, arXiv:2007.07484,
        whose preconditioned step this is. The optimizer's moments see the gradient of the reconstruction alone, as there.

    Example:
        >>> import jax.numpy as jnp
        >>> from types import SimpleNamespace
        >>> decoder = {"kernel": jnp.asarray([[3.0, -0.5]]), "bias": jnp.asarray([7.0, 7.0])}
        >>> weights = SimpleNamespace(encoder=(), decoder=decoder)
        >>> view = View(x=None, mask=None, hidden=None, code=None, prior=None, weights=weights, encode=None, decode=None)
        >>> float(L1()((), view, key=None))
        3.5
    """

    weight: NonNegative = 1e-4

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        return jnp.asarray(sum(jnp.sum(jnp.abs(w)) for w in matrices(view.weights)), float)

    def shrink(self, weights: Tree, amounts: Tree) -> Tree:
        return shrunk(soft_threshold, weights, amounts)
