import jax

from isthmus._types import Data, Key, Mask, NonNegative
from isthmus.errors import PartError

from ._base import AbstractCorruption


class GaussianRange(AbstractCorruption):
    """Normal noise is added to every value, as strong in each row as that row has drawn.

    `x_i + sigma_i * e_i` with `sigma_i ~ U(low, high)` and `e_i ~ N(0, 1)`. One network then learns to denoise at every level between the
    ends, instead of best at one. Nothing is clipped afterwards.

    Attributes:
        low: the smallest standard deviation, in the unit of the scaled data.
        high: the largest.

    References:
        Zhang, Zuo, Chen, Meng & Zhang, Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising, 2017,
        arXiv:1608.03981, where a network is trained on levels drawn from a range; Geras & Sutton, Scheduled Denoising Autoencoders,
        2015, arXiv:1406.3269, on what is learned at which level.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> noisy = GaussianRange(low=1.0, high=3.0)(jnp.zeros((500, 500)), key=jax.random.key(0))
        >>> levels = noisy.std(axis=1)
        >>> bool(levels.min() > 0.9), bool(levels.max() < 3.3), round(float(levels.mean()))
        (True, True, 2)
    """

    low: NonNegative = 0.02
    high: NonNegative = 0.3

    def check(self) -> None:
        if self.low > self.high:
            raise PartError(
                f"`gaussian_range.low`={self.low:g} lies above `high`={self.high:g}. Give the smaller standard deviation first."
            )

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        level_key, noise_key = jax.random.split(key)
        shape = (x.shape[0], *(1,) * (x.ndim - 1))
        sigma = self.low + (self.high - self.low) * jax.random.uniform(level_key, shape, x.dtype)
        return x + sigma * jax.random.normal(noise_key, x.shape, x.dtype)
