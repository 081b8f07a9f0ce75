from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp

from isthmus._types import Interval, Key, NonNegative, Scalar, Tree
from isthmus.errors import PartError

from ._base import AbstractRegularizer, View

# Shares of 0 and 1 are kept apart from their limits, where the logarithm and its slope are infinite; float32 still tells 1 - 1e-6 from 1.
_MARGIN = 1e-6

Share: TypeAlias = Annotated[float, Interval(0.0, 1.0, open_low=True, open_high=True)]


class KlSparsity(AbstractRegularizer):
    """How far the units' mean activations over the batch are from a small target: each unit is active for few rows.

    `sum_j target log(target / m_j) + (1 - target) log((1 - target) / (1 - m_j))`, the divergence between coins that fall with the
    probability `target` and with `m_j`, the mean over the batch's rows of unit j of the encoder's output, whatever the rows' weights;
    one number for the batch. Unlike the penalty of `ActivityL1` it is not lowered by units that are never active. It needs
    activations in (0, 1), hence ``code_activation="sigmoid"``. The mean of a small batch strays from that of the data, which is charged
    as well: use batches of some multiples of `1 / target` rows.

    Attributes:
        weight: the factor of the penalty in the objective.
        target: the mean activation that every unit should have.

    References:
        Ng, Sparse Autoencoder, lecture notes CS294A, Stanford 2011, section 3; Lee, Ekanadham & Ng, Sparse Deep Belief Net Model for Visual
        Area V2, NIPS 2007, for the target. Ng averages over all rows, here it is the rows of the batch.

    Example:
        >>> import jax.numpy as jnp
        >>> hidden = jnp.asarray([[0.9, 0.05], [0.1, 0.05]])
        >>> view = View(x=None, mask=jnp.ones(2), hidden=hidden, code=hidden, prior=None, weights=None, encode=None, decode=None)
        >>> round(float(KlSparsity(target=0.05)((), view, key=None)), 3)  # all of it the first unit's, at a mean of 0.5
        0.495
    """

    weight: NonNegative = 0.1
    target: Share = 0.05

    def check_parts(self, parts: Any) -> None:
        if parts.code_activation != "sigmoid":
            raise PartError(
                f"`kl_sparsity` compares activations in (0, 1) with a target; got code_activation={parts.code_activation!r}. Pass "
                "code_activation='sigmoid', or choose 'activity_l1', which takes codes of any size."
            )

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> Scalar:
        activations = view.hidden[..., : view.code.shape[-1]]  # a variational code's scales are none
        mask = jnp.reshape(view.mask, (-1, *(1,) * (activations.ndim - 1)))
        mean = jnp.sum(mask * activations, axis=0) / jnp.maximum(jnp.sum(mask), 1.0)
        mean = _MARGIN + (1.0 - 2.0 * _MARGIN) * mean
        on = self.target * (jnp.log(self.target) - jnp.log(mean))
        off = (1.0 - self.target) * (jnp.log1p(-self.target) - jnp.log1p(-mean))
        return jnp.sum(on + off)
