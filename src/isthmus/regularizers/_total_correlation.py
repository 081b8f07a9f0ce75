import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._types import Key, Mask, NonNegative, PerRow, Tree

from ._base import AbstractRegularizer, View
from ._codes import check_normal_posterior, flat_codes, without_padding

# Beyond these a posterior is a point, and a code is not in it, as far as float32 can tell; squares and products stay finite.
_SMALLEST_LOG_SCALE, _FARTHEST = -30.0, 1e15
_NOTHING = -1e30  # the logarithm of a weight of zero, without infinities to be multiplied by zero


class TotalCorrelation(AbstractRegularizer):
    """How much a code's entries tell about each other over the data: `KL(q(z) || prod_j q(z_j))` of the aggregate posterior.

    `log q(z_i) - sum_j log q(z_ij)`, one number a row, at its code, with `q(z) = mean over the data of q(z | x)` estimated from the batch's
    posteriors: the row's own has the weight `1 / N`, and the n - 1 others share the rest alike, with N the rows of the training data. It is
    added to what the bottleneck charges: beside `Gaussian(beta=1)`, `weight=w` makes the total correlation cost `1 + w`, the `beta` of
    beta-TC-VAE, while the information in codes and the fit of each dimension to the prior cost 1 as before. Logarithms of estimates are
    biased, by more the smaller the batch and the longer the code: use large batches. A step costs `rows^2` times the numbers of a code.

    Attributes:
        weight: the factor of the penalty in the objective; beta - 1.

    References:
        Chen, Li, Grosse & Duvenaud, Isolating Sources of Disentanglement in Variational Autoencoders, 2018, arXiv:1802.04942, minibatch
        stratified sampling of appendix C.2. There one other row of the batch, by its place, has a smaller weight than the others;
        here all have the mean of these weights over its choice, so that the order of rows is of no account. Both are unbiased for q(z).

    Example:
        >>> import jax.numpy as jnp
        >>> from isthmus.bottlenecks import Posterior
        >>> mean = jnp.asarray([[-3.0, -3.0], [3.0, 3.0]])
        >>> options = {"weights": None, "encode": None, "decode": None, "posterior": Posterior(mean, jnp.full((2, 2), -2.0)), "n_rows": 2}
        >>> view = View(x=None, mask=jnp.ones(2), hidden=mean, code=mean, prior=None, **options)
        >>> [round(float(value), 3) for value in TotalCorrelation()((), view, key=None)]  # log 2: each entry tells the other
        [0.693, 0.693]
    """

    is_monitored: ClassVar[bool] = True

    weight: NonNegative = 1.0

    def check_parts(self, parts: Any) -> None:
        check_normal_posterior(self, parts)

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        # Posteriors are on the last axis, along which they are summed.
        mean, log_scale = (without_padding(jnp.reshape(values, (view.mask.shape[0], -1)), view.mask).T for values in view.posterior)
        log_scale = jnp.maximum(log_scale, _SMALLEST_LOG_SCALE)
        log_weights = _log_weights(view.mask, view.n_rows)

        def excess(code: Float[Array, " dims"], log_weights: Mask) -> Any:
            standardized = jnp.clip((code[:, None] - mean) * jnp.exp(-log_scale), -_FARTHEST, _FARTHEST)
            log_density = -0.5 * jnp.square(standardized) - log_scale - 0.5 * math.log(2.0 * math.pi)
            joint = jax.nn.logsumexp(jnp.sum(log_density, axis=0) + log_weights)
            return joint - jnp.sum(jax.nn.logsumexp(log_density + log_weights, axis=1))

        return jnp.mean(jax.vmap(lambda codes: jax.vmap(excess)(codes, log_weights))(flat_codes(view)), axis=0)


def _log_weights(mask: Mask, n_rows: Any) -> Float[Array, "rows posteriors"]:
    """The logarithm of the weight of each posterior of the batch in the estimate of q at each row's code; their sum is one."""
    others = jnp.maximum(jnp.sum(mask) - 1.0, 1.0)
    own = jnp.where(jnp.sum(mask) > 1.0, 1.0 / n_rows, 1.0)  # a row alone has nobody to share with
    tiny = jnp.finfo(mask.dtype).tiny
    by_pair = jnp.where(jnp.eye(mask.shape[0]) > 0.0, jnp.log(own), jnp.log(jnp.maximum((1.0 - own) / others, tiny)))
    return jnp.where(mask > 0.0, by_pair, _NOTHING)
