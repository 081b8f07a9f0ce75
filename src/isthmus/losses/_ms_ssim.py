import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from isthmus._types import Data, Outputs, PerRow, Positive, Tree
from isthmus.errors import PartError

from ._base import AbstractLoss, Domain
from ._similarity import as_images, check_images, halved
from ._ssim import Ssim

# Powers of numbers below zero are not real, and those of small ones have steep slopes: from here down it is another curve.
_SMALLEST = 0.01


class MsSsim(AbstractLoss):
    """One minus the structural similarity of images at several scales, times the number of their values: coarse forms count as well.

    `1 - prod_j structure_j^exponent_j`, where `structure_j` is the mean of `(2 s_xy + c2) / (s_x^2 + s_y^2 + c2)` of images halved `j`
    times, and at the last scale of the whole similarity that `Ssim` describes. One window then sees edges at the first scale and forms
    at the last, so that nobody has to know from how far away the images will be looked at. All that is said of `Ssim` holds here;
    each further scale costs a quarter of the one before.

    Attributes:
        exponents: how much each scale counts, from the finest to the coarsest; as many as there are scales. Images must be at least
            `window * 2^(scales - 1)` pixels high and wide: 176 by default.
        ssim: the comparison at each scale: its window, in pixels of that scale, and its data range.

    References:
        Wang, Simoncelli & Bovik, Multi-Scale Structural Similarity for Image Quality Assessment, Asilomar Conference on Signals,
        Systems and Computers, 2003, from which the exponents are. Images are halved by averaging 2 by 2 pixels; channels are compared
        apart and averaged last. A structure below 0.01, of which there may be no power, counts as `1e-4 / (0.02 - structure)`:
        positive still, and growing with the structure.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> image = jnp.asarray(np.random.default_rng(0).uniform(0.2, 0.8, size=(1, 32, 32)), float)
        >>> loss = MsSsim(exponents=(0.5, 0.5))
        >>> for other in (image, 0.8 * image):
        ...     cost = loss((), jnp.asarray(loss.start(np.asarray(other))), image)
        ...     print(round(abs(float(cost[0])) / image.size, 2))
        0.0
        0.04
    """

    exponents: tuple[Positive, ...] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    ssim: Ssim = Ssim()

    @property
    def link(self) -> str:
        return self.ssim.link

    @property
    def domain(self) -> Domain:
        return self.ssim.domain

    @property
    def is_bounded(self) -> bool:
        return self.ssim.is_bounded

    @property
    def is_separable(self) -> bool:
        return self.ssim.is_separable

    def check(self) -> None:
        if not self.exponents:
            raise PartError("`ms_ssim.exponents` must name at least one scale; got (). For a single scale write (1.0,), or take `Ssim`.")

    def check_parts(self, parts: Any) -> None:
        window, side = self.ssim.window, min(parts.data_shape[:2], default=0)
        advice = "Give a smaller window, as in MsSsim(ssim=Ssim(window=3)), and one exponent for each scale that then fits."
        if side >= window:
            n_scales = int(math.log2(side / window)) + 1
            advice = f"Give fewer scales, as in exponents={(round(1.0 / n_scales, 2),) * n_scales}, or a smaller window."
        check_images(self, parts.data_shape, window * 2 ** (len(self.exponents) - 1), advice)

    def __call__(self, weights: Tree, outputs: Outputs, x: Data) -> PerRow:
        images, others = as_images(x), as_images(self.mean(outputs))
        last = len(self.exponents) - 1
        log_similarity = jnp.zeros((), x.dtype)
        for scale, exponent in enumerate(self.exponents):
            found = self.ssim.compare(images, others)
            log_similarity = log_similarity + exponent * _log_rest(found.whole if scale == last else found.structure)
            if scale < last:
                images, others = halved(images), halved(others)
        return -math.prod(x.shape[1:]) * jnp.mean(jnp.expm1(log_similarity), axis=1)

    def mean(self, outputs: Outputs) -> Data:
        return self.ssim.mean(outputs)

    def start(self, mean: np.ndarray) -> np.ndarray:
        return self.ssim.start(mean)


def _log_rest(part: Any) -> Any:
    """`log(1 - part)`, where that rest is not small; from there on it is a hyperbola that has the same slope and stays above zero."""
    beyond = jnp.maximum(part - (1.0 - _SMALLEST), 0.0)
    return jnp.log1p(-jnp.minimum(part, 1.0 - _SMALLEST)) - jnp.log1p(beyond / _SMALLEST)
