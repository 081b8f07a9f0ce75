from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array

from isthmus._types import Interval, Key, NonNegative, Scalar, Tree

from ._base import AbstractProximal, View
from ._matrices import matrices, shrunk
from ._thresholds import soft_threshold

Share: TypeAlias = Annotated[float, Interval(0.0, 1.0)]


class ElasticNet(AbstractProximal):
    """A mixture of the lasso's penalty on weights and ridge regression's: exact zeros, and correlated inputs kept together.

    `sum l1_share |w| + (1 - l1_share) w^2 / 2` over the weight matrices and kernels of encoder and decoder, not over biases nor the
    gains of norms. Where several inputs carry the same signal, the lasso keeps one of them as chance has it; the square shares the
    weight among them.

    Both halves are in the proximal map that follows each step, `w -> sign(w) max(|w| - amount l1_share, 0) / (1 + amount (1 - l1_share))`,
    so that the limit is a minimum of the penalized objective under Adam, too. For a linear decoder at fixed codes, squared error and
    rows of d columns, `weight` is scikit-learn's `alpha` times `2 / d`, and `l1_share` its `l1_ratio`.

    Attributes:
        weight: the factor of the penalty in the objective.
        l1_share: how much of the penalty is the absolute value's; 1 for the lasso, 0 for ridge regression with half the square.

    References:
        Zou & Hastie, Regularization and Variable Selection via the Elastic Net, Journal of the Royal Statistical Society B 67, 2005,
        their "naive" elastic net, which is not scaled up again afterwards; Yun, Lozano & Yang, A General Family of Stochastic
        Proximal Gradient Methods for Deep Learning, 2020, arXiv:2007.07484, for the map under Adam.

    Example:
        >>> import jax.numpy as jnp
        >>> from types import SimpleNamespace
        >>> decoder = {"kernel": jnp.asarray([[3.0, -0.5]]), "bias": jnp.asarray([7.0, 7.0])}
        >>> weights = SimpleNamespace(encoder=(), decoder=decoder)
        >>> view = View(x=None, mask=None, hidden=None, code=None, prior=None, weights=weights, encode=None, decode=None)
        >>> float(ElasticNet(l1_share=0.5)((), view, key=None))  # (3.5 + 9.25 / 2) / 2
        4.0625
    """

    weight: NonNegative = 1e-4
    l1_share: Share = 0.5

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        share = self.l1_share
        terms = (jnp.sum(share * jnp.abs(w) + 0.5 * (1.0 - share) * jnp.square(w)) for w in matrices(view.weights))
        return jnp.asarray(sum(terms), float)

    def shrink(self, weights: Tree, amounts: Tree) -> Tree:
        def proximal_map(w: Array, amount: Any) -> Array:
            return soft_threshold(w, amount * self.l1_share) / (1.0 + amount * (1.0 - self.l1_share))

        return shrunk(proximal_map, weights, amounts)
