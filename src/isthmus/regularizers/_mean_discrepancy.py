from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isthmus._types import Key, Mask, NonNegative, PerRow, Positive, Scalar, Tree

from ._base import AbstractRegularizer, View
from ._codes import flat_codes, leading, prior_draws, repeated


class MeanDiscrepancy(AbstractRegularizer):
    """The squared maximum mean discrepancy (MMD) between the batch's codes and draws from the prior.

    `mean_{i != j} k(z_i, z_j) + mean_{i != j} k(w_i, w_j) - 2 mean_{i, j} k(z_i, w_j)` for codes `z` and as many draws `w`, one number
    for the batch. With the codes of a plain autoencoder it makes the Wasserstein autoencoder (WAE-MMD), beside the `Gaussian` bottleneck
    InfoVAE. It is the unbiased estimate: its mean is zero where codes are distributed as the prior is, hence it may fall below zero. Its
    noise goes with one over the batch's rows; use batches of a hundred rows or more.

    Kernels look at `u = ||a - b||^2 / (2 n)`, with `n` the numbers in a code, which is 1 on average for two standard normal codes:
    `sum_s s / (s + u)` (inverse multiquadric, of long reach), or `sum_s exp(-u / s)` (gaussian), over the `scales` s. Each number costs
    `rows^2 n` operations a step.

    Attributes:
        weight: the factor of the penalty in the objective.
        kernel: "inverse_multiquadric", or "gaussian", which hardly sees codes that are far away.
        scales: over which the kernel is summed; several, since codes begin far from where they are to be.

    References:
        Tolstikhin, Bousquet, Gelly & Schölkopf, Wasserstein Auto-Encoders, 2018, arXiv:1711.01558, with one scale, 1; Zhao, Song & Ermon,
        InfoVAE: Balancing Learning and Inference in Variational Autoencoders, 2019, arXiv:1706.02262; Gretton et al., A Kernel
        Two-Sample Test, Journal of Machine Learning Research 13, 2012, for the estimate. Where a row has several codes the value is the
        mean over samples, each compared by itself.

    Example:
        >>> import jax.numpy as jnp
        >>> from isthmus.priors import BoundPrior, StandardNormal
        >>> code, prior = jnp.full((100, 2), 5.0), BoundPrior(StandardNormal(), ())
        >>> view = View(x=None, mask=jnp.ones(100), hidden=code, code=code, prior=prior, weights=None, encode=None, decode=None)
        >>> value = MeanDiscrepancy(kernel="gaussian", scales=(1.0,))((), view, key=jax.random.key(0))
        >>> value.shape, bool(abs(value[0] - (1 + 1 / 2)) < 0.1)  # codes in one place, far from all draws
        ((100,), True)
    """

    is_monitored: ClassVar[bool] = True
    needs_prior: ClassVar[bool] = True

    weight: NonNegative = 1.0
    kernel: Literal["inverse_multiquadric", "gaussian"] = "inverse_multiquadric"
    scales: tuple[Positive, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        assert key is not None
        counts = (view.mask, leading(view.mask))
        values = jax.vmap(lambda codes, draws: self._discrepancy(codes, draws, *counts))(flat_codes(view), prior_draws(view, key=key))
        return repeated(jnp.mean(values), view)

    def _discrepancy(self, codes: Any, draws: Any, mask: Mask, drawn: Mask) -> Scalar:
        n = jnp.sum(mask)
        between = mask @ self._kernel(codes, draws) @ drawn / jnp.maximum(jnp.square(n), 1.0)
        others = 1.0 - jnp.eye(mask.shape[0])
        within = mask @ (others * self._kernel(codes, codes)) @ mask + drawn @ (others * self._kernel(draws, draws)) @ drawn
        return within / jnp.maximum(n * (n - 1.0), 1.0) - 2.0 * between

    def _kernel(self, a: Float[Array, "rows dims"], b: Float[Array, "draws dims"]) -> Float[Array, "rows draws"]:
        # Differences and not products, |a|^2 - 2 ab + |b|^2, which lose near pairs to rounding and are infinity less infinity for far ones.
        u = 0.5 * jnp.mean(jnp.square(a[:, None] - b), axis=-1)
        if self.kernel == "gaussian":
            return sum((jnp.exp(-u / scale) for scale in self.scales), jnp.zeros_like(u))
        return sum((scale / (scale + u) for scale in self.scales), jnp.zeros_like(u))
