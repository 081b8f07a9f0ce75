from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._types import Key, Mask, NonNegative, PerRow, PositiveInt, Tree

from ._base import AbstractRegularizer, View
from ._codes import flat_codes, leading, prior_draws, repeated


class SlicedWasserstein(AbstractRegularizer):
    """The Wasserstein distance between the batch's codes and draws from the prior, along random lines.

    `mean over lines t of mean_i |(t'z)_(i) - (t'w)_(i)|^p`, where codes `z` and as many draws `w`, projected to a line, are paired in
    their orders, which is how mass is moved at the least cost; the p-th power of the distance, one number for the batch. Unlike
    `MeanDiscrepancy` it has no kernel to choose, and pulls codes from any distance. Of a batch of n rows even codes that are distributed as
    the prior is have a distance, in the order of `1 / n` for p = 2, from `n` draws. It sorts `n_projections` columns twice a step.

    Attributes:
        weight: the factor of the penalty in the objective.
        n_projections: lines, drawn anew at each step.
        p: the power of distances.

    References:
        Kolouri, Pope, Martin & Rohde, Sliced-Wasserstein Autoencoder, 2018, arXiv:1804.01947. There projections are summed over rows of the
        batch, here it is their mean; where a row has several codes, the value is the mean over samples, each compared by itself.

    Example:
        >>> import jax.numpy as jnp
        >>> from isthmus.priors import BoundPrior, StandardNormal
        >>> code, prior = jnp.full((1000, 1), 3.0), BoundPrior(StandardNormal(), ())
        >>> view = View(x=None, mask=jnp.ones(1000), hidden=code, code=code, prior=prior, weights=None, encode=None, decode=None)
        >>> value = SlicedWasserstein()((), view, key=jax.random.key(0))
        >>> value.shape, bool(abs(value[0] - 10.0) < 0.5)  # 3^2 for the means and 1 for the spread
        ((1000,), True)
    """

    is_monitored: ClassVar[bool] = True
    needs_prior: ClassVar[bool] = True

    weight: NonNegative = 1.0
    n_projections: PositiveInt = 50
    p: PositiveInt = 2

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        assert key is not None
        draw_key, line_key = jax.random.split(key)
        codes, draws, counts = flat_codes(view), prior_draws(view, key=draw_key), leading(view.mask)
        lines = jax.random.normal(line_key, (self.n_projections, codes.shape[-1]))
        lines = lines / jnp.linalg.norm(lines, axis=1, keepdims=True)
        apart = _sorted(lines, codes, view.mask) - _sorted(lines, draws, counts)
        moved = jnp.sum(counts * jnp.abs(apart) ** self.p, axis=-1) / jnp.maximum(jnp.sum(counts), 1.0)
        return repeated(jnp.mean(moved), view)


def _sorted(lines: Float[Array, "lines dims"], codes: Float[Array, "samples rows dims"], mask: Mask) -> Float[Array, "samples lines rows"]:
    """Places along each line, in order; zeros for rows that do not count, behind the others."""
    places = jnp.einsum("ld,srd->slr", lines, codes)
    return jnp.where(leading(mask) > 0.0, jnp.sort(jnp.where(mask > 0.0, places, jnp.inf), axis=-1), 0.0)
