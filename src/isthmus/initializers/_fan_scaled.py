import numpy as np

from isthmus._activations import fan_scale
from isthmus._types import Positive

from ._base import AbstractInitializer


class FanScaled(AbstractInitializer):
    """Independent uniform weights, as wide as the layer's size and its activation ask for; what is used when nothing is asked for.

    `w ~ U(-scale a, scale a)`, with `a = sqrt(6 / fan_in)` before rectifiers (relu, leaky_relu, elu, gelu, silu), `sqrt(3 / fan_in)`
    before selu, and `sqrt(6 / (fan_in + fan_out))` before all others: values then keep their size from layer to layer. It costs
    one draw a weight.

    Attributes:
        scale: multiplies every weight.

    References:
        He, Zhang, Ren & Sun, Delving Deep into Rectifiers, 2015, arXiv:1502.01852; Klambauer, Unterthiner, Mayr & Hochreiter,
        Self-Normalizing Neural Networks, 2017, arXiv:1706.02515; Glorot & Bengio, Understanding the Difficulty of Training Deep
        Feedforward Neural Networks, AISTATS 2010. The first two draw normal weights; here they are uniform, of the same variance.

    Example:
        >>> import numpy as np
        >>> weight = FanScaled()(6, 1000, "relu", rng=np.random.default_rng(0))
        >>> weight.shape, bool(np.abs(weight).max() <= 1.0)
        ((6, 1000), True)
    """

    scale: Positive = 1.0

    def __call__(self, fan_in: int, fan_out: int, activation: str, *, rng: np.random.Generator) -> np.ndarray:
        half_width = self.scale * fan_scale(activation, fan_in, fan_out)
        return rng.uniform(-half_width, half_width, (fan_in, fan_out)).astype(np.float32)
