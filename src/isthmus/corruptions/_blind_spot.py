from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from isthmus._component import part_name
from isthmus._types import Data, Interval, Key, Mask
from isthmus.errors import PartError

from ._base import AbstractCorruption
from ._other_rows import from_other_rows

Share: TypeAlias = Annotated[float, Interval(0.0, 1.0, open_low=True, open_high=True)]


class BlindSpot(AbstractCorruption):
    """Some values are hidden, and the reconstruction is judged by them alone, so that noisy rows can be their own targets.

    Each value is hidden with probability `share`: the encoder sees the same feature of another row of the batch in its place, and
    the loss sees nothing but the hidden values. Noise that is independent from value to value cannot be told from the other
    values, what lies beneath it can; the best guess of a hidden noisy value is therefore that of the clean one. Where a second noisy
    copy of each row exists, ``fit(noisy, target=another_noisy)`` without a corruption learns more from the same rows.

    Rows that are reconstructed later have nothing hidden. It is for their sake that a hidden value is replaced by one that its column
    could have: a network that has learned to pay no heed to it pays none to the noise in a value that is really there, while one that
    saw zeros was never told off for copying. On 1400 of scikit-learn's digits in [0, 1] with normal noise of 0.25 and 32 codes, zeros
    left 16 % more error with ``hidden_dims=(128, 64)`` and 39 % more with the automatic network.

    It needs a loss with one output for each value, noise of mean zero that is independent between the values of a row, and values that
    tell something about each other. The linear start of the automatic network copies values; name `hidden_dims` to begin without.

    Attributes:
        share: the probability that a value is hidden; more are judged by where more are hidden, and fewer are left to judge from.

    References:
        Batson & Royer, Noise2Self: Blind Denoising by Self-Supervision, 2019, arXiv:1901.11365; Krull, Buchholz & Jug, Noise2Void:
        Learning Denoising from Single Noisy Images, 2019, arXiv:1811.10980. There hidden pixels lie on a grid or are few, and take values
        of their neighbors; here each is hidden by itself and takes another row's value, since features need not have neighbors.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> x, key = jnp.arange(8000.0).reshape(2000, 4), jax.random.key(0)
        >>> changed, judged = BlindSpot(0.25)(x, key=key) != x, BlindSpot(0.25).scored(x, key=key)
        >>> bool((changed == (judged == 1.0)).all()), round(float(judged.mean()), 2)
        (True, 0.25)
    """

    share: Share = 0.25

    def check_parts(self, parts: Any) -> None:
        if not parts.loss.is_separable:
            raise PartError(
                f"`blind_spot` judges single values, and the loss {part_name(type(parts.loss))!r} takes several at once. Choose one that "
                "is a sum over values, such as 'squared_error', or another corruption."
            )
        shape = parts.loss.output_shape(parts.data_shape)
        if shape != parts.data_shape:
            raise PartError(
                f"`blind_spot` judges single values, and the loss {part_name(type(parts.loss))!r} has outputs of shape {shape} for rows of "
                f"shape {parts.data_shape}. Choose a loss with one output for each value, such as 'squared_error', or another corruption."
            )

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        return jnp.where(self._hidden(x, key=key), from_other_rows(x, mask, key=jax.random.split(key)[1]), x)

    def scored(self, x: Data, *, key: Key) -> Data:
        return self._hidden(x, key=key).astype(x.dtype)

    def _hidden(self, x: Data, *, key: Key) -> Bool[Array, "rows *features"]:
        return jax.random.uniform(jax.random.split(key)[0], x.shape) < self.share
