import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Data, Key, Mask, NonNegative
from isthmus.errors import DataError

from ._base import AbstractCorruption

# Beyond it the noise of this mean is drawn and made as large as it should be: its form is the same within its skewness, 1 / 256. JAX's own
# draws (0.10.2), made in float32, deviate by 1 % too much at a mean of 10^6 and by 8 % at 2^24.
_LARGEST_MEAN = 2.0**16
_ROUNDING = 1e-6


class PoissonNoise(AbstractCorruption):
    """Each value is replaced by a count of that mean, as in an image of few photons: noise grows with the root of the signal.

    `scale * Poisson(x / scale)`, of mean `x` and variance `scale * x`; `scale` is what one photon, molecule or reading counts in the
    unit of the scaled data. It is defined for values of 0 and more, hence not for centered data: use ``scaling="unit_range"``, or
    ``scaling=None`` where `scale` is to be in the data's own unit. Drawing counts takes several times as long as drawing normal noise.

    Attributes:
        scale: the value of one count; 0 for no noise.

    References:
        Foi, Trimeche, Katkovnik & Egiazarian, Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data, IEEE
        Transactions on Image Processing 17, 2008.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> counts = PoissonNoise(scale=0.5)(jnp.full((10000, 1), 3.0), key=jax.random.key(0))
        >>> round(float(counts.mean())), round(float(counts.var()), 1), float((counts % 0.5).max())
        (3, 1.5, 0.0)
    """

    scale: NonNegative = 0.02

    def check_rows(self, rows: np.ndarray) -> None:
        low = float(rows.min(initial=0.0))
        if low < -_ROUNDING:
            raise DataError(
                f"`poisson_noise` is defined for values of 0 and more; the scaled rows go down to {low:.6g}. Pass scaling='unit_range', or "
                "scaling=None for rows that are not negative as they are; or choose another corruption, such as 'gaussian'."
            )

    def __call__(self, x: Data, *, mask: Mask | None = None, key: Key) -> Data:
        scale = jnp.maximum(self.scale, jnp.finfo(x.dtype).tiny)
        mean = jnp.maximum(x, 0.0) / scale
        drawn = jnp.minimum(mean, _LARGEST_MEAN)
        count = jax.random.poisson(key, drawn).astype(x.dtype)
        noisy = jnp.where(mean > drawn, x + jnp.sqrt(scale) * jnp.sqrt(x / drawn) * (count - drawn), scale * count)
        return jnp.where(self.scale > 0.0, noisy, x)
