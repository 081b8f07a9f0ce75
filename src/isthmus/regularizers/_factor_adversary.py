import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._types import Key, Mask, NonNegative, PerRow, Tree

from ._base import View
from ._base_adversary import AbstractAdversary
from ._codes import flat_codes, leading
from ._discriminators import cross_entropy, log_odds, with_own_cost


class FactorAdversary(AbstractAdversary):
    """How much a code's entries tell about each other, by a discriminator that learns along: FactorVAE.

    `log D(z) / (1 - D(z))`, one number a row and the mean over its samples, with `D` the probability that a code is one, and not put
    together from entries of different rows, by a network of the penalty's own. For the best discriminator its mean is the total correlation
    `KL(q(z) || prod_j q(z_j))`. In the same step the discriminator goes down its own cost, `-mean log D(z) - mean log(1 - D(z'))`, where
    each entry of the `z'` is put into an order of its own over the batch. Unlike `TotalCorrelation` it takes codes of any bottleneck,
    and its cost goes with the batch, not with its square. In very small batches `z'` often is `z`: use some dozens of rows.

    `weight` is what the encoder pays, gamma in the paper; beside `Gaussian(beta=1)` it is FactorVAE. Beside a bottleneck that does not hold
    the size of codes they may hide by shrinking; a small beta is enough against that. The discriminator's gradient is that of its own
    cost. What `weight`, `rate` and `clip_norm` do to it, and how its value is to be read, stands in `Adversary`.

    Attributes:
        weight: the factor of the penalty in the objective.
        hidden_dims: widths of the discriminator's hidden layers, of leaky rectifiers.
        rate: the discriminator's learning rate, in units of the optimizer's.

    References:
        Kim & Mnih, Disentangling by Factorising, 2018, arXiv:1802.05983. There the discriminator has six layers of 1000 units, takes steps
        of its own at a rate of its own, and orders a second batch anew; here it is the same batch, and one step.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> part, code = FactorAdversary(hidden_dims=(8,)), jnp.asarray([[1.0, 1.0], [2.0, 2.0]])
        >>> view = View(x=code, mask=jnp.ones(2), hidden=code, code=code, prior=None, weights=None, encode=None, decode=None)
        >>> own = part.init((2,), rng=np.random.default_rng(0))
        >>> part(own, view, key=jax.random.key(0)).tolist()  # undecided at first
        [0.0, 0.0]
    """

    weight: NonNegative = 10.0

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        assert key is not None
        codes = flat_codes(view)
        value = jnp.mean(log_odds(jax.lax.stop_gradient(weights), codes), axis=0)
        fixed = jax.lax.stop_gradient(codes)
        of_codes, of_mixed = log_odds(weights, fixed), log_odds(weights, _mixed(fixed, view.mask, key=key))
        return with_own_cost(value, cross_entropy(of_codes, view.mask, of_mixed, leading(view.mask)), self.weight, view)


def _mixed(codes: Float[Array, "samples rows dims"], mask: Mask, *, key: Key) -> Float[Array, "samples rows dims"]:
    """Codes whose entries are those of different rows, in a random order each; padding comes last."""
    by_chance = jnp.where(mask[:, None] > 0.0, jax.random.uniform(key, codes.shape), 1.0)
    return jnp.take_along_axis(codes, jnp.argsort(by_chance, axis=1), axis=1)
