import jax
import jax.numpy as jnp

from isthmus._types import Data, Fraction, Key, Mask
from isthmus.errors import PartError

from ._base import AbstractCorruption


class RandomErasing(AbstractCorruption):
    """In each row one box of random size, form and place is set to zero.

    The box spans all spatial axes: all but the last, which holds channels (give images without channels one of length 1), or the only
    one of rows that are vectors, whose order must then mean something, as in a signal. Its share of them is `a ~ U(low, high)`; its sides
    are `a^p_k` of the axes with random exponents that sum to 1, none more than twice another, so that every box fits. Zero is the zero of
    the scaled data. What is erased must be inferred from a distance, while values masked one by one can be read off their neighbors.

    Attributes:
        low: the smallest share of a row that is erased.
        high: the largest.

    References:
        Zhong, Zheng, Kang, Li & Yang, Random Erasing Data Augmentation, 2020, arXiv:1708.04896, whose range of shares is the default.
        There half of the images are left alone, the ratio of the sides is drawn until the box fits, and it is filled with noise; every row
        is damaged here, and zeros fill the box, as in DeVries & Taylor, Improved Regularization of Convolutional Neural Networks with
        Cutout, 2017, arXiv:1708.04552.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> erased = RandomErasing(low=0.25, high=0.25)(jnp.ones((4000, 8, 8, 1)), key=jax.random.key(0)) == 0.0
        >>> round(float(erased.mean()), 2)
        0.25
    """

    low: Fraction = 0.02
    high: Fraction = 0.4

    def check(self) -> None:
        if self.low > self.high:
            raise PartError(f"`random_erasing.low`={self.low:g} lies above `high`={self.high:g}. Give the smaller share first.")

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        sizes = x.shape[1:-1] if x.ndim > 2 else x.shape[1:]
        share_key, form_key, place_key = jax.random.split(key, 3)
        n_axes = len(sizes)
        share = self.low + (self.high - self.low) * jax.random.uniform(share_key, (x.shape[0], 1))
        exponents = jax.random.uniform(form_key, (x.shape[0], n_axes), minval=1.0, maxval=2.0)
        sides = share ** (exponents / jnp.sum(exponents, axis=1, keepdims=True))
        # A side of 2.3 cells is 3 of them three times in ten, so that the mean share is what was asked for.
        rounding, place = jax.random.uniform(place_key, (2, x.shape[0], n_axes))
        lengths = jnp.floor(sides * jnp.asarray(sizes) + rounding)
        starts = jnp.floor(place * (jnp.asarray(sizes) - lengths + 1.0))
        inside = jnp.ones((x.shape[0], *(1,) * (x.ndim - 1)), bool)
        for axis, size in enumerate(sizes):
            cells = jnp.arange(size)
            along = (cells >= starts[:, axis, None]) & (cells < (starts + lengths)[:, axis, None])
            inside = inside & jnp.reshape(along, (x.shape[0], *(1,) * axis, size, *(1,) * (x.ndim - axis - 2)))
        return jnp.where(inside, jnp.zeros((), x.dtype), x)
