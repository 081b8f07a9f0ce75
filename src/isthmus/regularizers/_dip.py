from typing import Any, ClassVar, Literal

import jax.numpy as jnp

from isthmus._types import Key, NonNegative, PerRow, Tree

from ._base import AbstractRegularizer, View
from ._codes import check_normal_posterior, repeated, without_padding


class Dip(AbstractRegularizer):
    """How far the covariance of codes over the batch is from the identity: the disentangled inferred prior (DIP-VAE).

    `sum_{i != j} C_ij^2 + diagonal sum_i (C_ii - 1)^2`, one number for the batch, with `C` the covariance of the posterior means (variant
    I), or of the codes drawn, which is that plus the posteriors' mean variances on the diagonal (variant II). Where it is zero, entries of
    codes are uncorrelated; `TotalCorrelation` asks for more. It is added to what the `Gaussian` bottleneck charges.

    Attributes:
        weight: the factor of the penalty in the objective, lambda_od in the paper.
        variant: of which codes the covariance is taken.
        diagonal: what variances cost beside covariances, lambda_d / lambda_od in the paper: 10 for variant I there, and 1 for II.

    References:
        Kumar, Sattigeri & Balakrishnan, Variational Inference of Disentangled Latent Concepts from Unlabeled Observations, 2018,
        arXiv:1711.00848. The covariance is divided by one less than the batch's rows, so that it is unbiased.

    Example:
        >>> import jax.numpy as jnp
        >>> from isthmus.bottlenecks import Posterior
        >>> mean = jnp.asarray([[-1.0, -1.0], [1.0, 1.0]])
        >>> options = {"weights": None, "encode": None, "decode": None, "posterior": Posterior(mean, jnp.zeros((2, 2)))}
        >>> view = View(x=None, mask=jnp.ones(2), hidden=mean, code=mean, prior=None, **options)
        >>> Dip(variant="I")((), view, key=None).tolist(), Dip(variant="II")((), view, key=None).tolist()  # 8 + 10 * 2, 8 + 10 * 8
        ([28.0, 28.0], [88.0, 88.0])
    """

    is_monitored: ClassVar[bool] = True

    weight: NonNegative = 1.0
    variant: Literal["I", "II"] = "I"
    diagonal: NonNegative = 10.0

    def check_parts(self, parts: Any) -> None:
        check_normal_posterior(self, parts)

    def __call__(self, weights: Tree, view: View, *, key: Key | None) -> PerRow:
        n = jnp.sum(view.mask)
        mean, log_scale = (without_padding(jnp.reshape(values, (view.mask.shape[0], -1)), view.mask) for values in view.posterior)
        centered = without_padding(mean - jnp.sum(mean, axis=0) / jnp.maximum(n, 1.0), view.mask)
        covariance = centered.T @ centered / jnp.maximum(n - 1.0, 1.0)
        variance = jnp.diagonal(covariance)
        apart = jnp.sum(jnp.square(covariance - jnp.diag(variance)))
        if self.variant == "II":
            variance = variance + view.mask @ jnp.exp(2.0 * log_scale) / jnp.maximum(n, 1.0)
        return repeated(apart + self.diagonal * jnp.sum(jnp.square(variance - 1.0)), view)
