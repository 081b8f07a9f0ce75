import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Positive, Shape, Tree

from ._base import AbstractLoss
from ._base_likelihood import AbstractLikelihood

# Of standard deviations that are learned, in the unit of the scaled data: exp(-6) is 0.0025.
_LOWEST_LOG_SCALE = -6.0


class Normal(AbstractLikelihood):
    """Minus the log-density of independent normal errors, in nats, summed over features.

    `sum_j (x_j - y_j)^2 / (2 s_j^2) + log s_j + log(2 pi) / 2`. With `s = 1` it is half of `SquaredError` and a constant. The standard
    deviation decides how much a reconstruction weighs against a divergence, as `1 / (2 beta)` does, so a wrong one blurs (too large)
    or ignores the prior (too small); "shared" lets the data decide it. For real-valued tables and images under a `Gaussian` bottleneck.

    Attributes:
        sigma: the standard deviation, in the unit of the data, where `spread` is "fixed".
        spread: "fixed"; "shared", one standard deviation for all values, learned with the networks; "per_feature", one for each
            feature, learned; or "per_value", which the decoder gives with each mean. Learned ones begin at about 1 in the unit of the
            scaled data and stay above 0.0025, where a constant column would end at a density without bound.

    References:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix C.2, arXiv:1312.6114. Rybkin, Daniilidis & Levine, Simple
        and Effective VAE Training with Calibrated Decoders, 2021, arXiv:2006.13202: the shared one, and the soft lower bound. There it
        may also be set to its best value in each batch; here it is learned by gradient.

    Example:
        >>> import jax.numpy as jnp
        >>> cost = Normal(sigma=2.0)((), jnp.zeros((1, 1)), jnp.asarray([[2.0]]))
        >>> round(float(cost[0]), 4)  # 1/2 + log 2 + log(2 pi) / 2
        2.1121
    """

    sigma: Positive = 1.0
    spread: Literal["fixed", "shared", "per_feature", "per_value"] = "fixed"

    def init(self, shape: Shape, *, rng: np.random.Generator) -> Tree:
        if self.spread == "shared":
            return np.zeros((), np.float32)
        return np.zeros(shape, np.float32) if self.spread == "per_feature" else ()

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], 2 * shape[-1]) if self.spread == "per_value" else shape

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        log_scale = self._log_scale(weights, outputs)
        error = (x - self.mean(outputs)) * jnp.exp(-log_scale)
        return sum_features(0.5 * jnp.square(error) + log_scale + 0.5 * math.log(2.0 * math.pi))

    def mean(self, outputs: Outputs) -> Data:
        return outputs[..., : outputs.shape[-1] // 2] if self.spread == "per_value" else outputs

    def start(self, mean: np.ndarray) -> np.ndarray:
        return np.concatenate([mean, np.zeros_like(mean)], axis=-1) if self.spread == "per_value" else mean

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        mean = self.mean(outputs)
        return mean + jnp.exp(self._log_scale(weights, outputs)) * jax.random.normal(key, mean.shape)

    def rescaled(self, scale: np.ndarray | Array) -> AbstractLoss:
        if self.spread != "fixed":
            return self
        return jax.tree.unflatten(jax.tree.structure(self), [self.sigma * scale])

    def _log_scale(self, weights: Tree, outputs: Outputs) -> Any:
        if self.spread == "fixed":
            return jnp.log(self.sigma)
        free = outputs[..., outputs.shape[-1] // 2 :] if self.spread == "per_value" else weights
        return _LOWEST_LOG_SCALE + jax.nn.softplus(free - _LOWEST_LOG_SCALE)
