import jax
import jax.numpy as jnp

from isthmus._types import Data, Fraction, Key, Mask

from ._base import AbstractCorruption
from ._other_rows import from_other_rows


class SwapNoise(AbstractCorruption):
    """Each value is replaced, with the same probability, by the same feature of another row of the batch.

    `x_ij` becomes `x_kj` with probability `share`, with a row `k != i` drawn for each value anew. A replaced value is thus one that its
    column takes, whatever the column's unit or distribution, so that this is the noise for tables of unlike columns: categories
    stay categories, and counts stay counts. A batch of one row stays as it is. It costs a gather of the batch.

    Attributes:
        share: the probability that a value is replaced.

    References:
        Jahrer, first place in Porto Seguro's Safe Driver Prediction, Kaggle 2017, where 0.15 was used and the name comes from;
        Bahri, Jiang, Tay & Metzler, SCARF: Self-Supervised Contrastive Learning using Random Feature Corruption, 2022,
        arXiv:2106.15147. They draw from the whole table; here it is from the batch, whose rows are others in every epoch.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> swapped = SwapNoise(share=0.999)(jnp.asarray([[1.0, 10.0], [2.0, 20.0]]), key=jax.random.key(0))
        >>> swapped.tolist()
        [[2.0, 20.0], [1.0, 10.0]]
    """

    share: Fraction = 0.15

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        choice_key, row_key = jax.random.split(key)
        swapped = jax.random.uniform(choice_key, x.shape) < self.share
        return jnp.where(swapped, from_other_rows(x, mask, key=row_key), x)
