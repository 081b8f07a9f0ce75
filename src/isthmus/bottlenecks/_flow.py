from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._autoregressive import Maps, drawn_maps
from isthmus._types import Code, Hidden, Key, Mask, NonNegative, PerRow, PositiveInt, Scalar, Shape, Share, Tree
from isthmus.priors import BoundPrior, StandardNormal

from ._annealing import risen
from ._base import AbstractBottleneck, Latent
from ._refusals import refuse_axes


class Flow(AbstractBottleneck):
    """A posterior of any shape for each row: a normal draw goes through a chain of maps that depend on the row.

    The encoder gives `m`, `log s` and a context `c` of `n_context` numbers. `z = f(m + s * noise; c)` with `f` an inverse autoregressive
    flow: each map is `z_i exp(s_i) + m_i`, where `s_i` and `m_i` depend on the dimensions before `i` and on `c`, in turn in one order and
    in its reverse; drawing costs one pass through each network. Beside the reconstruction a row costs `beta (log q(z | x) - log p(z))` at
    the code drawn, in expectation the divergence, for there is no closed form. `f` begins as the identity, and the bottleneck as
    `Gaussian`. `transform` gives `f(m; c)`, the image of the normal's mean: no random number is in it, but it is not the posterior's mean.

    Attributes:
        beta: weight of the divergence.
        n_layers: how many maps there are.
        hidden_dims: widths of the hidden layers of each map's network.
        n_context: how many numbers beside mean and scale the encoder gives.
        warmup: the share of the training, or of each cycle, over which the weight rises from 0 to `beta`.
        n_cycles: how often it does.

    References:
        Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow, 2016, arXiv:1606.04934. There a map is
        `g z + (1 - g) m` with a gate `g` in (0, 1); here scales are free within `exp(4)` to either side and begin at 1, and hidden layers
        are `tanh`. The context enters the first layer of each network.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data / 16
        >>> bottleneck = Flow(n_layers=2, hidden_dims=(32,))
        >>> autoencoder = Autoencoder(2, loss="bernoulli", bottleneck=bottleneck, max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.sample_posterior(X, 5).shape
        (1797, 5, 2)
    """

    needs_prior: ClassVar[bool] = True
    is_probabilistic: ClassVar[bool] = True

    beta: NonNegative = 1.0
    _: KW_ONLY
    n_layers: PositiveInt = 2
    hidden_dims: tuple[PositiveInt, ...] = (64,)
    n_context: PositiveInt = 16
    warmup: Share = 0.0
    n_cycles: PositiveInt = 1

    def check_parts(self, parts: Any) -> None:
        refuse_axes(self, parts)

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        return drawn_maps(self.n_layers, latent_shape[0], self.n_context, self.hidden_dims, rng=rng), ()

    def hidden_shape(self, latent_shape: Shape) -> Shape:
        return (2 * latent_shape[0] + self.n_context,)

    def __call__(
        self, weights: Maps, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        codes, log_posterior = self.draw(weights, hidden, 1, key=key)
        return Latent(codes[0], {"kl": (log_posterior - self.log_prior(prior, codes))[0]}), state

    def encode(self, weights: Maps, state: Tree, hidden: Hidden) -> Code:
        mean, _, context = self._parted(hidden)
        return weights.passed(mean, context)[0]

    def draw(self, weights: Maps, hidden: Hidden, n: int, *, key: Key) -> tuple[Code, PerRow]:
        mean, log_scale, context = self._parted(hidden)
        noise = jax.random.normal(key, (n, *mean.shape))
        codes, log_det = weights.passed(mean + jnp.exp(log_scale) * noise, context)
        return codes, StandardNormal().log_prob((), noise) - jnp.sum(log_scale, axis=-1) - log_det

    def log_prior(self, prior: BoundPrior | None, code: Code) -> PerRow:
        assert prior is not None
        return prior.log_prob(code)

    def sample(self, weights: Tree, prior: BoundPrior | None, shape: Shape, *, key: Key) -> Code:
        assert prior is not None
        return prior.sample(shape, key=key)

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        return {"kl": self.beta * risen(progress, self.warmup, self.n_cycles)}

    def _parted(self, hidden: Hidden) -> tuple[Any, Any, Any]:
        """Mean and logarithm of the scale, (rows, n_dims), and the context."""
        n_dims = (hidden.shape[-1] - self.n_context) // 2
        return hidden[:, :n_dims], hidden[:, n_dims : 2 * n_dims], hidden[:, 2 * n_dims :]
