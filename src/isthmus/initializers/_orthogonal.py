import numpy as np

from isthmus._types import Positive

from ._base import AbstractInitializer
from ._gain import gain


class Orthogonal(AbstractInitializer):
    """A random rotation: a layer begins by keeping lengths and angles, however many layers follow each other.

    `W = scale g Q`, with the columns of `Q` orthonormal when there are at least as many inputs as outputs, and its rows else; `Q` is
    drawn uniformly from all of these. The gain `g` is `sqrt(2)` before rectifiers (relu, leaky_relu, elu, gelu, silu), which lose half
    of what they are given, and 1 before all others. In deep networks (five layers and more) it lets gradients through where independent
    weights make them vanish; in shallow ones it changes little. It costs a QR decomposition a matrix, once, which grows with the cube of
    its sizes and is noticed from about 1000 units on.

    Attributes:
        scale: multiplies every weight.

    References:
        Saxe, McClelland & Ganguli, Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks, 2014,
        arXiv:1312.6120. There the gain before tanh is a little above 1, to be tuned: raise `scale` for that. The gain before
        rectifiers is that of He et al. 2015, arXiv:1502.01852.

    Example:
        >>> import numpy as np
        >>> weight = Orthogonal()(8, 3, "tanh", rng=np.random.default_rng(0))
        >>> bool(np.allclose(weight.T @ weight, np.eye(3), atol=1e-6))
        True
    """

    scale: Positive = 1.0

    def __call__(self, fan_in: int, fan_out: int, activation: str, *, rng: np.random.Generator) -> np.ndarray:
        tall = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
        rotation, triangle = np.linalg.qr(tall)
        # LAPACK fixes the signs of its columns by its own rule; those of the triangle's diagonal make the draw uniform.
        rotation = rotation * np.where(np.diagonal(triangle) < 0.0, -1.0, 1.0)
        oriented = rotation if fan_in >= fan_out else rotation.T
        return np.ascontiguousarray(self.scale * gain(activation) * oriented, dtype=np.float32)
