import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Mask, Outputs, PerRow, Positive, Shape, Tree

from ._base import AbstractLoss
from ._base_likelihood import AbstractLikelihood
from ._spread import LOWEST_LOG_SPREAD, learned_spread, location, location_shape, location_start, log_spread, spread_link

# What a batch adds to the moving mean of squared errors: about twenty batches count.
_NEWEST_SHARE = 0.05


class Normal(AbstractLikelihood):
    """Minus the log-density of independent normal errors, in nats, summed over features.

    `sum_j (x_j - y_j)^2 / (2 s_j^2) + log s_j + log(2 pi) / 2`. With `s = 1` it is half of `SquaredError` and a constant. The standard
    deviation decides how much a reconstruction weighs against a divergence, as `1 / (2 beta)` does, so a wrong one blurs (too large)
    or ignores the prior (too small); "optimal" and "shared" let the data decide it. For real-valued tables and images under a `Gaussian`
    bottleneck.

    Attributes:
        sigma: the standard deviation, in the unit of the data, where `spread` is "fixed".
        spread: "fixed"; "optimal", one for all values, set at each step to what is best for the errors of late; "shared", one for all
            values, learned with the networks; "per_feature", one for each feature, learned; or "per_value", which the decoder gives with
            each mean, after all the means. All but the first are in the unit of the scaled data, begin at about 1 there and stay above
            0.0025, where a constant column would end at a density without bound.

    References:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix C.2, arXiv:1312.6114. Rybkin, Daniilidis & Levine, Simple
        and Effective VAE Training with Calibrated Decoders, 2021, arXiv:2006.13202: the shared one, with its soft lower bound, and the
        optimal one. There the optimum is the root of the mean squared error of the batch alone, in training and afterwards; here it is
        that of a moving mean over about twenty batches, this one included, corrected for its beginning, so that what is left at the
        end holds for rows that come alone: validation, scores and draws use it as it was at the best weights. Its lower bound is a
        sharp one, which leaves all values above it exact.

    Example:
        >>> import jax.numpy as jnp
        >>> cost = Normal(sigma=2.0)((), jnp.zeros((1, 1)), jnp.asarray([[2.0]]))
        >>> round(float(cost[0]), 4)  # 1/2 + log 2 + log(2 pi) / 2
        2.1121
    """

    sigma: Positive = 1.0
    spread: Literal["fixed", "shared", "per_feature", "per_value", "optimal"] = "fixed"

    @property
    def link(self) -> str:
        return spread_link(self.spread)

    @property
    def is_separable(self) -> bool:
        return self.spread != "optimal"  # what one value costs depends on the errors of all

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        return learned_spread(self.spread, shape)

    def init_state(self, shape: Shape) -> Tree:
        return {"squares": np.zeros((), np.float32), "weight": np.zeros((), np.float32)} if self.spread == "optimal" else ()

    def next_state(self, weights: Tree, state: Tree, outputs: Any, x: Data, mask: Mask) -> Tree:
        if self.spread != "optimal":
            return state
        squares = jnp.square(x - jax.lax.stop_gradient(outputs))
        samples = tuple(range(squares.ndim - x.ndim))
        per_row = jnp.mean(jnp.mean(squares, axis=samples), axis=tuple(range(1, x.ndim)))
        # A batch whose rows count nothing has no errors, and moves nothing.
        counted = jnp.sum(mask)
        share = jnp.where(counted > 0.0, _NEWEST_SHARE, 0.0)
        found = jnp.sum(mask * per_row) / jnp.where(counted > 0.0, counted, 1.0)
        return {
            "squares": state["squares"] + share * (found - state["squares"]),
            "weight": state["weight"] + share * (1.0 - state["weight"]),
        }

    def at_state(self, weights: Tree, state: Tree) -> Tree:
        if self.spread != "optimal":
            return weights
        seen = state["weight"] > 0.0
        variance = jnp.where(seen, state["squares"] / jnp.where(seen, state["weight"], 1.0), 1.0)
        return 0.5 * jnp.log(jnp.maximum(variance, math.exp(2.0 * LOWEST_LOG_SPREAD)))

    def output_shape(self, shape: Shape) -> Shape:
        return location_shape(self.spread, shape)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        log_scale = self._log_scale(weights, outputs)
        error = (x - self.mean(outputs)) * jnp.exp(-log_scale)
        return sum_features(0.5 * jnp.square(error) + log_scale + 0.5 * math.log(2.0 * math.pi))

    def mean(self, outputs: Outputs) -> Data:
        return location(self.spread, outputs)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return location_start(self.spread, mean)

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        mean = self.mean(outputs)
        return mean + jnp.exp(self._log_scale(weights, outputs)) * jax.random.normal(key, mean.shape)

    def rescaled(self, scale: np.ndarray | Array) -> AbstractLoss:
        if self.spread != "fixed":
            return self
        return jax.tree.unflatten(jax.tree.structure(self), [self.sigma * scale])

    def _log_scale(self, weights: Tree, outputs: Outputs) -> Any:
        return weights if self.spread == "optimal" else log_spread(self.spread, self.sigma, weights, outputs)
