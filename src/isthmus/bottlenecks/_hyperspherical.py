from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Hidden, Key, Mask, NonNegative, PerRow, PositiveInt, Scalar, Shape, Share, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior

from ._annealing import risen
from ._base import AbstractBottleneck, Latent
from ._refusals import refuse_axes, refuse_prior
from ._von_mises_fisher import angles, divergence, log_density, points, uniform_log_density

_SHORTEST = 1e-12


class Hyperspherical(AbstractBottleneck):
    """A von Mises-Fisher posterior on the unit sphere for each row, and a uniform prior: codes are directions.

    The encoder gives a direction `m = h / |h|` and a concentration `k = 1 + log(1 + exp(c))`, one number more than a code has, and the code
    is drawn from `q(z | x) ~ exp(k m'z)` on the sphere in `d = latent_dim >= 2` dimensions. Beside the reconstruction a row costs
    `beta KL(q || uniform) = beta (k A(k) - log(Gamma(v + 1) (2 / k)^v I_v(k)))` nats, with `v = d / 2 - 1` and `A = I_{v+1} / I_v`.
    There is no center to which codes are drawn: that suits data whose codes go round, and groups that are to lie apart. A sphere in many
    dimensions cannot but have one concentration for all of them; beyond some twenty a normal posterior usually gives the better bound.
    `transform` gives the mean direction. Densities are per unit of the sphere's area; no other prior is taken.

    Attributes:
        beta: weight of the divergence.
        warmup: the share of the training, or of each cycle, over which the weight rises from 0 to `beta`.
        n_cycles: how often it does.

    References:
        Davidson, Falorsi, De Cao, Kipf & Tomczak, Hyperspherical Variational Auto-Encoders, 2018, arXiv:1804.00891. There the gradient
        of draws is that of rejection sampling with its correction; here it is implicit reparameterization of the angle (Figurnov et al.
        2018, arXiv:1805.08498), which has less variance, by quadrature to a relative error of 1e-4; angles are drawn by Wood's rejection
        (1994), as there. Bessel functions are computed for any order and concentration in single precision. The "1 +" in the
        concentration, which keeps a posterior from losing its direction, is of the authors' code.

    Example:
        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data / 16
        >>> autoencoder = Autoencoder(3, loss="bernoulli", bottleneck=Hyperspherical(), max_epochs=3, random_state=0).fit(X)
        >>> bool(np.allclose(np.linalg.norm(autoencoder.transform(X), axis=1), 1.0, atol=1e-5))
        True
    """

    is_probabilistic: ClassVar[bool] = True

    beta: NonNegative = 1.0
    _: KW_ONLY
    warmup: Share = 0.0
    n_cycles: PositiveInt = 1

    def check_parts(self, parts: Any) -> None:
        refuse_prior(self, parts, "the uniform distribution on the sphere")
        refuse_axes(self, parts)
        if parts.latent_shape[0] < 2:
            raise PartError(f"`hyperspherical` codes have at least 2 numbers; got {parts.latent_shape[0]}. Give `latent_dim` 2 or more.")

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        return (), ()

    def hidden_shape(self, latent_shape: Shape) -> Shape:
        return (latent_shape[0] + 1,)

    def __call__(
        self, weights: Tree, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        codes, _ = self._drawn(hidden, 1, key=key)
        return Latent(codes[0], {"kl": self.divergence(weights, hidden, prior)[:, 0]}), state

    def encode(self, weights: Tree, state: Tree, hidden: Hidden) -> Code:
        return _direction(hidden[:, :-1])

    def nearest(self, weights: Tree, state: Tree, code: Code) -> Code:
        return _direction(code)

    def draw(self, weights: Tree, hidden: Hidden, n: int, *, key: Key) -> tuple[Code, PerRow]:
        codes, angle = self._drawn(hidden, n, key=key)
        return codes, log_density(angle, _concentration(hidden), codes.shape[-1])

    def divergence(self, weights: Tree, hidden: Hidden, prior: BoundPrior | None) -> Any:
        return divergence(_concentration(hidden), hidden.shape[-1] - 1)[:, None]

    def prior_variance(self, latent_shape: Shape) -> float:
        return 1.0 / latent_shape[0]

    def log_prior(self, prior: BoundPrior | None, code: Code) -> PerRow:
        return jnp.full(code.shape[:-1], uniform_log_density(code.shape[-1]))

    def sample(self, weights: Tree, prior: BoundPrior | None, shape: Shape, *, key: Key) -> Code:
        return _direction(jax.random.normal(key, shape))

    def term_weights(self, progress: Scalar | float) -> Mapping[str, Any]:
        return {"kl": self.beta * risen(progress, self.warmup, self.n_cycles)}

    def _drawn(self, hidden: Hidden, n: int, *, key: Key) -> tuple[Code, Any]:
        """Codes (n, rows, d) and their angles from the mean directions, (n, rows)."""
        angle_key, around_key = jax.random.split(key)
        angle = angles(_concentration(hidden), n, hidden.shape[-1] - 1, key=angle_key)
        return points(_direction(hidden[:, :-1]), angle, key=around_key), angle


def _concentration(hidden: Hidden) -> Any:
    return 1.0 + jax.nn.softplus(hidden[:, -1])


def _direction(vectors: Any) -> Any:
    """Vectors at length one, and the first axis in the place of nothing; vectors of any length without overflow."""
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(vectors), axis=-1, keepdims=True))
    is_long = largest > _SHORTEST
    scaled = jnp.where(is_long, vectors / jnp.where(is_long, largest, 1.0), jnp.eye(1, vectors.shape[-1])[0])
    return scaled / jnp.linalg.norm(scaled, axis=-1, keepdims=True)
