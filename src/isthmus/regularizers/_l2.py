from typing import Literal

import jax.numpy as jnp

from isthmus._types import Key, NonNegative, Scalar, Tree
from isthmus.errors import PartError

from ._base import AbstractRegularizer, View
from ._matrices import matrices


class L2(AbstractRegularizer):
    """The sum of the weights' squares, as in ridge regression: large weights must pay for themselves.

    `sum w^2` over the weight matrices and kernels of encoder and decoder, not over biases nor the gains of norms.

    The reconstruction in the objective is a mean over rows and features and this sum is not, so that for a linear decoder at fixed
    codes, squared error and a data table of n rows and d columns, `weight` is ridge regression's `alpha / (n d)`.

    Under plain gradient descent a step takes `2 * rate * weight * w` off each weight, which is the decay of
    `optimizers.Adamw(weight_decay=2 * weight)`. Under Adam the two differ: here the penalty's gradient is divided by the root of the
    mean squared gradient, hence weights with large gradients are pulled less; there every weight decays alike.

    Attributes:
        weight: the factor of the penalty in the objective.
        halves: whose weights are charged; `("decoder",)` for the regularized autoencoder RAE-L2, with `CodeL2` beside it.

    References:
        Hoerl & Kennard, Ridge Regression: Biased Estimation for Nonorthogonal Problems, Technometrics 12, 1970;
        Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019, section 2. arXiv:1711.05101;
        Ghosh et al., From Variational to Deterministic Autoencoders, 2020, arXiv:1903.12436, for the decoder alone; there with its biases.

    Example:
        >>> import jax.numpy as jnp
        >>> from types import SimpleNamespace
        >>> decoder = {"kernel": jnp.asarray([[3.0, -0.5]]), "bias": jnp.asarray([7.0, 7.0])}
        >>> weights = SimpleNamespace(encoder=(), decoder=decoder)
        >>> view = View(x=None, mask=None, hidden=None, code=None, prior=None, weights=weights, encode=None, decode=None)
        >>> float(L2()((), view, key=None))
        9.25
    """

    weight: NonNegative = 1e-4
    halves: tuple[Literal["encoder", "decoder"], ...] = ("encoder", "decoder")

    def check(self) -> None:
        if not self.halves or len(set(self.halves)) < len(self.halves):
            raise PartError(f"`l2.halves` names each half at most once, and one at least; got {self.halves!r}. Give ('decoder',), say.")

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        return jnp.asarray(sum(jnp.sum(jnp.square(w)) for w in matrices(view.weights, self.halves)), float)
