import math

import numpy as np

from isthmus._types import Positive, PositiveInt

from ._base import AbstractInitializer
from ._gain import gain


class Sparse(AbstractInitializer):
    """Each unit begins with a few incoming weights, all others zero, so that units differ from each other from the start.

    Each column has `n_connections` normal weights (all, where fewer values come in), at places drawn for it alone. Their standard
    deviation is 1 before sigmoid and 1/4 before tanh, as in the papers; before all others `g / sqrt(n_connections)`, with `g = sqrt(2)`
    for rectifiers and else 1, so that values keep their size. Meant for deep networks of sigmoid and tanh units, which independent small
    weights leave all alike; the zeros are trained like any weight. It costs a random number and a comparison a weight.

    Attributes:
        n_connections: how many inputs a unit begins with.
        scale: multiplies every weight.

    References:
        Martens, Deep Learning via Hessian-Free Optimization, ICML 2010, section 5, for sigmoid units; Sutskever, Martens, Dahl & Hinton,
        On the Importance of Initialization and Momentum in Deep Learning, ICML 2013, section 3.1, for tanh ones. Both draw unit
        weights before linear and rectified units too, which would make a code's values `sqrt(n_connections)` times as large as its
        inputs; and the second starts the biases of tanh units at 0.5, where here all biases start at zero.

    Example:
        >>> import numpy as np
        >>> weight = Sparse(n_connections=3)(100, 50, "sigmoid", rng=np.random.default_rng(0))
        >>> np.unique(np.count_nonzero(weight, axis=0)).tolist()
        [3]
    """

    n_connections: PositiveInt = 15
    scale: Positive = 1.0

    def __call__(self, fan_in: int, fan_out: int, activation: str, *, rng: np.random.Generator) -> np.ndarray:
        connected = min(self.n_connections, fan_in)
        places = np.argpartition(rng.random((fan_in, fan_out)), connected - 1, axis=0)[:connected]
        width = {"sigmoid": 1.0, "tanh": 0.25}.get(activation, gain(activation) / math.sqrt(connected))
        weight = np.zeros((fan_in, fan_out), np.float32)
        np.put_along_axis(weight, places, (self.scale * width * rng.normal(size=(connected, fan_out))).astype(np.float32), axis=0)
        return weight
