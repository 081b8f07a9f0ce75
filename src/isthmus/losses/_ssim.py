import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus._types import Data, Outputs, PerRow, Positive, PositiveInt, Tree

from ._base import AbstractLoss, Domain
from ._logits import logits
from ._similarity import Dissimilarity, Images, as_images, check_images, dissimilarity


class Ssim(AbstractLoss):
    """One minus the structural similarity of images, times the number of their values: contrast and pattern count, seen locally.

    The similarity is the mean over a sliding window, and over channels, of
    `(2 m_x m_y + c1) (2 s_xy + c2) / ((m_x^2 + m_y^2 + c1) (s_x^2 + s_y^2 + c2))`, with the means `m`, variances `s^2` and covariance
    `s_xy` under the window, `c1 = (0.01 data_range)^2` and `c2 = (0.03 data_range)^2`. It is 1 for equal images and lies in [-1, 1].
    Multiplied by the number of values, the cost is a sum over them like that of other losses; divide by it for `1 - SSIM`.

    For images that people look at: where the squared error prefers a blur, it asks for as much contrast as there was. It is nearly
    blind to a shift of brightness or hue, and not convex; mix it with a loss of values, as in
    `Weighted(("ssim", "absolute_error"), (0.84, 0.16))`, the shares that Zhao et al. use. Raw outputs are logits, so that
    reconstructions lie in [0, 1]. It costs about `10 window` multiplications for a value, as matrix products.

    Attributes:
        window: the sides of the window in pixels.
        sigma: the standard deviation of the Gaussian that weights it, in pixels.
        data_range: the distance between black and white, of values scaled to [0, 1].

    References:
        Wang, Bovik, Sheikh & Simoncelli, Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE Transactions on
        Image Processing 13, 2004; Zhao, Gallo, Frosio & Kautz, Loss Functions for Neural Networks for Image Processing, 2015,
        arXiv:1511.08861. The window stays within the image, and color images are averaged over channels, as scikit-image does.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> image = jnp.asarray(np.random.default_rng(0).uniform(0.2, 0.8, size=(1, 16, 16)), float)
        >>> darker, flat = 0.8 * image, jnp.full_like(image, image.mean())
        >>> for other in (image, darker, flat):
        ...     cost = Ssim()((), jnp.asarray(Ssim().start(np.asarray(other))), image)
        ...     print(round(abs(float(cost[0])) / image.size, 2))
        0.0
        0.05
        0.97
    """

    window: PositiveInt = 11
    sigma: Positive = 1.5
    data_range: Positive = 1.0

    @property
    def link(self) -> str:
        return "sigmoid"

    @property
    def domain(self) -> Domain:
        return "unit_interval"

    @property
    def is_bounded(self) -> bool:
        return True

    @property
    def is_separable(self) -> bool:
        return False

    def check_parts(self, parts: Any) -> None:
        side = min(parts.data_shape[:2], default=0)
        check_images(self, parts.data_shape, self.window, f"Give a window that fits, such as Ssim(window={side - 1 + side % 2}).")

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        found = self.compare(as_images(x), as_images(self.mean(outputs)))
        return math.prod(x.shape[1:]) * jnp.mean(found.whole, axis=1)

    def compare(self, x: Images, y: Images) -> Dissimilarity:
        """How unlike images are, for each row and channel."""
        return dissimilarity(x, y, window=self.window, sigma=self.sigma, data_range=self.data_range)

    def mean(self, outputs: Outputs) -> Data:
        return jax.nn.sigmoid(outputs)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return logits(mean)
