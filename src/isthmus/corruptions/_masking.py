import jax
import jax.numpy as jnp

from isthmus._types import Data, Fraction, Key, Mask

from ._base import AbstractCorruption


class Masking(AbstractCorruption):
    """Each value is set to zero with the same probability, independently of all others.

    `x * m` with `m ~ Bernoulli(1 - share)`. Zero is the zero of the scaled data: the column's mean when columns are standardized,
    black when images are brought into [0, 1]. What is kept is not enlarged to make up for what is missing, unlike dropout, for the
    network shall see the values that it is later used on.

    Attributes:
        share: the probability that a value is set to zero.

    References:
        Vincent, Larochelle, Bengio & Manzagol, Extracting and Composing Robust Features with Denoising Autoencoders, ICML 2008. There
        the number of zeros in a row is fixed; here it is binomial, so that one value's fate says nothing about another's.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> masked = Masking(share=0.25)(jnp.ones((100, 100)), key=jax.random.key(0))
        >>> round(float(masked.mean()), 2)
        0.75
    """

    share: Fraction = 0.3

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        return jnp.where(jax.random.uniform(key, x.shape) < self.share, jnp.zeros((), x.dtype), x)
