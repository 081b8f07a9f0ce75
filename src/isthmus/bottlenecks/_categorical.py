import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Hidden, Key, Mask, NonNegative, PerRow, Positive, PositiveInt, Scalar, Shape, Share, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior

from ._annealing import risen
from ._base import AbstractBottleneck, Latent
from ._refusals import refuse_axes, refuse_prior

_LEAST_LOG = -1e30


class Categorical(AbstractBottleneck):
    """Each code is a choice of one category in each of some groups, drawn from probabilities that the encoder gives.

    A code of `latent_dim` numbers is `n_groups` one-hot vectors of `latent_dim / n_groups` categories side by side; the encoder gives
    `log q` up to a constant. A choice has no gradient. In training, so, the code is a softmax, `softmax((log q + g) / t)` with
    Gumbel noise `g`: near one-hot for a low temperature `t`, which falls from `temperature` to `final_temperature` in equal ratios. Beside
    the reconstruction a row costs `beta KL(q || uniform) = beta sum_groups (sum_c q_c log q_c + log n_categories)` nats, that of the
    choice itself. `transform` gives the probabilities, the mean of the code; `indices` gives the likeliest category of each group.
    Training therefore relaxes the model; `elbo`, `log_likelihood` and `sample` are those of the discrete model, with exact draws. No
    other prior than the uniform one is taken.

    Attributes:
        beta: weight of the divergence.
        n_groups: how many choices a code consists of; it divides `latent_dim`.
        temperature: of the softmax at the start of training.
        final_temperature: at its end, and on validation rows.
        hard: whether the decoder sees the one-hot vector of the greatest value, with the softmax's gradient, which is biased.
        warmup: the share of the training, or of each cycle, over which the weight rises from 0 to `beta`.
        n_cycles: how often it does.

    References:
        Jang, Gu & Poole, Categorical Reparameterization with Gumbel-Softmax, 2017, arXiv:1611.01144: `hard` is its straight-through
        estimator, and its temperature falls with the number of steps instead of the share of the training. Maddison, Mnih & Teh, The
        Concrete Distribution, 2017, arXiv:1611.00712: the divergence there is that of the relaxed densities, here that of the choices, as
        in the former.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data / 16
        >>> bottleneck = Categorical(n_groups=4)
        >>> autoencoder = Autoencoder(20, loss="bernoulli", bottleneck=bottleneck, max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.transform(X).reshape(-1, 4, 5).sum(axis=2).round(3)[0].tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    is_probabilistic: ClassVar[bool] = True

    beta: NonNegative = 1.0
    _: KW_ONLY
    n_groups: PositiveInt = 1
    temperature: Positive = 1.0
    final_temperature: Positive = 0.5
    hard: bool = False
    warmup: Share = 0.0
    n_cycles: PositiveInt = 1

    def check_parts(self, parts: Any) -> None:
        refuse_prior(self, parts, "the uniform distribution over categories")
        refuse_axes(self, parts)
        n_categories, left = divmod(parts.latent_shape[0], self.n_groups)
        if left or n_categories < 2:
            raise PartError(
                f"`categorical.n_groups`={self.n_groups} must divide `latent_dim` into groups of at least 2 categories; got "
                f"{parts.latent_shape[0]}. Give `latent_dim` as n_groups * n_categories."
            )

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        return (), ()

    def __call__(
        self, weights: Tree, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        logits = self._log_probabilities(hidden)
        temperature = self.temperature * (self.final_temperature / self.temperature) ** progress
        code = jax.nn.softmax((logits + jax.random.gumbel(key, logits.shape)) / temperature)
        if self.hard:
            code = code + jax.lax.stop_gradient(_one_hot(code) - code)
        return Latent(code.reshape(hidden.shape), {"kl": jnp.sum(self.divergence(weights, hidden, prior), axis=1)}), state

    def encode(self, weights: Tree, state: Tree, hidden: Hidden) -> Code:
        return jnp.exp(self._log_probabilities(hidden)).reshape(hidden.shape)

    def indices(self, weights: Tree, state: Tree, hidden: Hidden) -> Any:
        return jnp.argmax(self._in_groups(hidden), axis=-1).astype(jnp.int32)

    def nearest(self, weights: Tree, state: Tree, code: Code) -> Code:
        return _one_hot(self._in_groups(code)).reshape(code.shape)

    def draw(self, weights: Tree, hidden: Hidden, n: int, *, key: Key) -> tuple[Code, PerRow]:
        logits = self._log_probabilities(hidden)
        code = _one_hot(logits + jax.random.gumbel(key, (n, *logits.shape)))
        return code.reshape(n, *hidden.shape), jnp.sum(code * logits, axis=(-2, -1))

    def divergence(self, weights: Tree, hidden: Hidden, prior: BoundPrior | None) -> Any:
        logits = self._log_probabilities(hidden)
        return jnp.sum(jnp.exp(logits) * logits, axis=-1) + math.log(logits.shape[-1])

    def prior_variance(self, latent_shape: Shape) -> float:
        share = self.n_groups / latent_shape[0]
        return share * (1.0 - share)

    def log_prior(self, prior: BoundPrior | None, code: Code) -> PerRow:
        return jnp.full(code.shape[:-1], -self.n_groups * math.log(code.shape[-1] // self.n_groups))

    def sample(self, weights: Tree, prior: BoundPrior | None, shape: Shape, *, key: Key) -> Code:
        return self.nearest((), (), jax.random.gumbel(key, shape))

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        return {"kl": self.beta * risen(progress, self.warmup, self.n_cycles)}

    def _in_groups(self, values: Any) -> Any:
        return values.reshape(*values.shape[:-1], self.n_groups, -1)

    def _log_probabilities(self, hidden: Hidden) -> Any:
        """(rows, n_groups, n_categories). Nothing is impossible: zero times the logarithm of zero is no number."""
        return jnp.maximum(jax.nn.log_softmax(self._in_groups(hidden)), _LEAST_LOG)


def _one_hot(values: Any) -> Any:
    return jax.nn.one_hot(jnp.argmax(values, axis=-1), values.shape[-1])
