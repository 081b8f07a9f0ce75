import jax
import jax.numpy as jnp
import numpy as np

from isthmus._numerics import sum_features
from isthmus._types import Data, Key, Outputs, PerRow, Tree

from ._base import Domain
from ._base_likelihood import AbstractLikelihood
from ._logits import logits


class Bernoulli(AbstractLikelihood):
    """The cross-entropy of binary data in nats, summed over features: raw outputs are logits.

    `sum_j softplus(l_j) - x_j l_j`, which is `-sum_j (x_j log p_j + (1 - x_j) log(1 - p_j))` with `p = sigmoid(l)`, but finite for
    every logit. For `x` in {0, 1} it is minus the log-likelihood. For grey values in between it is the cross-entropy between two
    coins: the best guess is still the conditional mean, but it is not a normalized density and its minimum is not zero
    (arXiv:1907.06845); `ContinuousBernoulli` is one.

    References:
        Kingma & Welling, Auto-Encoding Variational Bayes, 2014, appendix C.1. arXiv:1312.6114.

    Example:
        >>> import jax.numpy as jnp
        >>> float(Bernoulli()((), jnp.zeros((1, 2)), jnp.asarray([[0.0, 1.0]]))[0])  # 2 log 2
        1.3862943649291992
    """

    @property
    def link(self) -> str:
        return "sigmoid"

    @property
    def domain(self) -> Domain:
        return "unit_interval"

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        # softplus(l) - x l, parted into its odd and even halves: the large terms cancel exactly for x in {0, 1}, the slope at a
        # logit of exactly 0 does not hang on how |l| is differentiated there, and it takes half as long as `jax.nn.softplus`.
        size = jnp.abs(outputs)
        return sum_features((0.5 - x) * outputs + 0.5 * size + jnp.log1p(jnp.exp(-size)))

    def mean(self, outputs: Outputs) -> Data:
        return jax.nn.sigmoid(outputs)

    @property
    def is_density(self) -> bool:
        return False

    def sample(self, weights: Tree, outputs: Outputs, *, key: Key) -> Data:
        return jax.random.bernoulli(key, jax.nn.sigmoid(outputs)).astype(outputs.dtype)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return logits(mean)
