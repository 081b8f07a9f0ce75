import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Shape, Tree

from ._base import Domain
from ._base_likelihood import AbstractLikelihood
from ._counts import check_counts, log_rates, rates
from ._overdispersion import Dispersion, cost_of_counts, draw_overdispersed, log_dispersion
from ._spread import learned_spread, with_blocks

_FIRST_SHARE = 0.1  # of zeros that are no counts, before anything is learned
_FIRST_LOGIT = math.log(_FIRST_SHARE / (1.0 - _FIRST_SHARE))


class ZeroInflatedNegativeBinomial(AbstractLikelihood):
    """Minus the log-likelihood of counts some of which were lost and stand as zeros, in nats, summed over features.

    Each value is zero with probability `p`, and else comes from `NegativeBinomial` with mean `m` and inverse dispersion `t`: a zero
    costs `-log(p + (1 - p) (t / (t + m))^t)`, another count `-log(1 - p)` more than there. Raw outputs hold for each value the logarithm of
    `m`, and then, after all of those, the logit of `p`. The reconstruction is the mean of what is seen, zeros included, `(1 - p) m`. For
    counts with more zeros than their size explains: molecules in single cells that were not caught, purchases by those who never
    buy. Compare it with `NegativeBinomial` on held-out rows: a large dispersion explains many zeros by itself. What is below one half
    counts as a zero.

    Attributes:
        dispersion: "per_feature", one `t` for each feature, learned with the networks; "shared", one for all; or "per_value", which the
            decoder gives with each mean, between the logarithms and the logits. It begins at 1 and stays, softly, between exp(-10)
            and exp(20).

    References:
        Lopez, Regier, Cole, Jordan & Yosef, Deep generative modeling for single-cell transcriptomics, 2018,
        doi:10.1038/s41592-018-0229-2 (arXiv:1709.02082 is an earlier form). There the mean is a share of the row's total count, by a
        softmax, times a size that is a latent variable; here it is the exponential of an output. There `t` has no bounds.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> loss = ZeroInflatedNegativeBinomial("shared")
        >>> weights = loss.init((1,), rng=np.random.default_rng(0))
        >>> cost = loss(weights, jnp.zeros((1, 2)), jnp.zeros((1, 1)))
        >>> round(float(cost[0]), 3)  # half are lost, half of the others are zero: -log(3 / 4)
        0.288
    """

    dispersion: Dispersion = "per_feature"

    @property
    def link(self) -> str:
        return f"log_mean_and_logit_of_zero({self.dispersion})"

    @property
    def domain(self) -> Domain:
        return "nonnegative"

    def check_rows(self, rows: np.ndarray) -> None:
        check_counts(self, rows)

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        return learned_spread(self.dispersion, shape)

    def output_shape(self, shape: Shape) -> Shape:
        return with_blocks(shape, self._n_blocks)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        log_mean, log_theta, logit = self._parted(weights, outputs)
        cost = cost_of_counts(log_mean, log_theta, x)
        seen_as_zero = -jnp.logaddexp(logit, -cost)
        return sum_features(jax.nn.softplus(logit) + jnp.where(x < 0.5, seen_as_zero, cost))

    def mean(self, outputs: Outputs) -> Data:
        log_mean, *_, logit = self._blocks(outputs)
        return rates(log_mean) * jax.nn.sigmoid(-logit)

    @property
    def is_density(self) -> bool:
        return False

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        lost_key, count_key = jax.random.split(key)
        log_mean, log_theta, logit = self._parted(weights, outputs)
        lost = jax.random.bernoulli(lost_key, jax.nn.sigmoid(logit))
        return jnp.where(lost, 0.0, draw_overdispersed(log_mean, log_theta, key=count_key))

    def start(self, mean: np.ndarray) -> np.ndarray:
        log_mean, zeros = log_rates(mean) - math.log1p(-_FIRST_SHARE), np.zeros_like(mean)
        return np.concatenate([log_mean, *[zeros] * (self._n_blocks - 2), zeros + _FIRST_LOGIT], axis=-1)

    @property
    def _n_blocks(self) -> int:
        return 3 if self.dispersion == "per_value" else 2

    def _blocks(self, outputs: Outputs) -> list[Any]:
        return jnp.split(outputs, self._n_blocks, axis=-1)

    def _parted(self, weights: Tree, outputs: Outputs) -> tuple[Any, Any, Any]:
        """Logarithms of means and inverse dispersions, and the logits of zeros."""
        blocks = self._blocks(outputs)
        counts = jnp.concatenate(blocks[:-1], axis=-1)
        return blocks[0], log_dispersion(self.dispersion, weights, counts), blocks[-1]
