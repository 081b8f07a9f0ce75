from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Code, Hidden, Interval, Key, Mask, Shape, Tree
from isthmus.errors import PartError
from isthmus.priors import BoundPrior

from ._base import AbstractBottleneck, Latent

_Levels = Annotated[int, Interval(2, float("inf"), open_high=True)]


class FiniteScalar(AbstractBottleneck):
    """Each number of the code is rounded to one of a few levels between -1 and 1, without a codebook.

    `b = tanh(z)`, and the code is the nearest of the `L` numbers `-1, -1 + 2 / (L - 1), ..., 1`; the decoder's gradient is handed to `b`
    unchanged. Nothing is learned, nothing is charged, nothing can die: the codebook is the grid of all `L_1 * L_2 * ...` combinations,
    and `(8, 5, 5, 5)` stands for 1000 entries of four numbers. `Autoencoder.codes` gives the number of the level for each dimension, from 0
    on. The history has `levels_in_use`, the share of all dimensions' levels that a batch takes.

    Attributes:
        levels: for each dimension, or one number, as in `(8,)`, for all; 2 at least.

    References:
        Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, 2023, arXiv:2309.15505. Departures: an even number of levels lies
        symmetrically, at odd multiples of a half step, where the paper shifts them by a half step to have one at 0 and none at 1; and
        `tanh` reaches the outer levels without a stretch of 0.1 %.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from isthmus import Autoencoder
        >>> X = load_digits().data
        >>> autoencoder = Autoencoder(4, bottleneck=FiniteScalar((8, 5, 5, 5)), max_epochs=3, random_state=0).fit(X)
        >>> autoencoder.codes(X).shape
        (1797, 4)
    """

    levels: tuple[_Levels, ...] = (8,)

    def check(self) -> None:
        if not self.levels:
            raise PartError("`finite_scalar.levels`=() leaves no level. Give one number for all dimensions, such as (8,), or one for each.")

    def check_parts(self, parts: Any) -> None:
        if len(parts.latent_shape) != 1 or len(self.levels) not in (1, parts.latent_shape[0]):
            raise PartError(
                f"`finite_scalar.levels`={self.levels} has {len(self.levels)} numbers, and codes have the shape {parts.latent_shape}. Give "
                "one for each of `latent_dim` dimensions, or one for all."
            )

    def init(self, latent_shape: Shape, *, rng: np.random.Generator) -> tuple[Tree, Tree]:
        return (), ()

    def __call__(
        self, weights: Tree, state: Tree, hidden: Hidden, prior: BoundPrior | None, *, mask: Mask, progress: Any, key: Key
    ) -> tuple[Latent, Tree]:
        bounded = jnp.tanh(hidden)
        numbers = self._numbers(bounded)
        code = jax.lax.stop_gradient(self._code(numbers)) + (bounded - jax.lax.stop_gradient(bounded))
        taken = jnp.any((numbers[..., None] == jnp.arange(max(self.levels))) & (mask[:, None, None] > 0.0), axis=0)
        share = jnp.sum(taken) / jnp.sum(self._all(hidden.shape[-1]))
        return Latent(code, {}, reports={"levels_in_use": share}), state

    def encode(self, weights: Tree, state: Tree, hidden: Hidden) -> Code:
        return self._code(self._numbers(jnp.tanh(hidden)))

    def indices(self, weights: Tree, state: Tree, hidden: Hidden) -> Any:
        return self._numbers(jnp.tanh(hidden)).astype(jnp.int32)

    def nearest(self, weights: Tree, state: Tree, code: Code) -> Code:
        return self._code(self._numbers(jnp.clip(code, -1.0, 1.0)))

    def _all(self, n_dims: int) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.levels, np.float32), (n_dims,))

    def _numbers(self, bounded: Any) -> Any:
        """Numbers of levels, from 0 on, of values in [-1, 1]."""
        return jnp.round(0.5 * (bounded + 1.0) * (self._all(bounded.shape[-1]) - 1.0))

    def _code(self, numbers: Any) -> Any:
        return 2.0 * numbers / (self._all(numbers.shape[-1]) - 1.0) - 1.0
