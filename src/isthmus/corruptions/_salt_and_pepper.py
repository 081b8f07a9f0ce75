import jax
import jax.numpy as jnp

from isthmus._types import Data, Fraction, Key, Mask

from ._base import AbstractCorruption


class SaltAndPepper(AbstractCorruption):
    """Each value is set, with the same probability, to the smallest or the largest that its feature has in the batch.

    With probability `share` a coin decides between `min_i x_ij` and `max_i x_ij`. The extremes are each feature's own, so that they are
    those of the data however these were scaled: black and white where images are not centered, and where they are; a column's own ends
    in a table. A pixel that is black in all rows stays black. Small batches have smaller extremes.

    Attributes:
        share: the probability that a value is set.

    References:
        Vincent, Larochelle, Lajoie, Bengio & Manzagol, Stacked Denoising Autoencoders, Journal of Machine Learning Research 11, 2010,
        section 3.3, whose extremes are those that a value may have, and whose number of values set is the same in each row; here it is
        binomial.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> x = jnp.tile(jnp.asarray([[0.0, -5.0], [0.4, 1.0], [1.0, 5.0]]), (1000, 1))
        >>> damaged = SaltAndPepper(share=0.3)(x, key=jax.random.key(0))
        >>> damaged.min(axis=0).tolist(), damaged.max(axis=0).tolist()
        ([0.0, -5.0], [1.0, 5.0])
        >>> round(float((damaged[1::3] != x[1::3]).mean()), 1)
        0.3
    """

    share: Fraction = 0.1

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        mask = jnp.ones(x.shape[0]) if mask is None else mask
        counts = jnp.reshape(mask > 0, (-1, *(1,) * (x.ndim - 1)))
        low = jnp.min(jnp.where(counts, x, jnp.inf), axis=0)
        high = jnp.max(jnp.where(counts, x, -jnp.inf), axis=0)
        draw = jax.random.uniform(key, x.shape)
        set_low, set_high = draw < 0.5 * self.share, draw >= 1.0 - 0.5 * self.share
        damaged = jnp.where(set_low, low, jnp.where(set_high, high, x))
        return jnp.where(jnp.any(counts), damaged, x)
