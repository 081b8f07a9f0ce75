import jax

from isthmus._types import Data, Key, Mask, NonNegative

from ._base import AbstractCorruption


class Gaussian(AbstractCorruption):
    """Independent normal noise is added to every value.

    `x + sigma * e` with `e ~ N(0, 1)`. Nothing is clipped afterwards, so that values may leave the data's range. For a small `sigma`
    and the squared error it acts as a penalty on the slope of the reconstruction, of weight `sigma^2`.

    Attributes:
        sigma: the standard deviation of the noise, in the unit of the scaled data.

    References:
        Vincent, Larochelle, Lajoie, Bengio & Manzagol, Stacked Denoising Autoencoders, Journal of Machine Learning Research 11, 2010,
        section 3.3; Bishop, Training with Noise is Equivalent to Tikhonov Regularization, Neural Computation 7, 1995.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> noisy = Gaussian(sigma=2.0)(jnp.zeros((10000, 1)), key=jax.random.key(0))
        >>> round(float(noisy.std()), 1)
        2.0
    """

    sigma: NonNegative = 0.1

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        return x + self.sigma * jax.random.normal(key, x.shape, x.dtype)
