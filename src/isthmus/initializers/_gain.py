import math

from isthmus._activations import fan_scale

__all__ = ["gain"]


def gain(activation: str) -> float:
    """By how much a layer's input is to be enlarged, so that `activation` gives values of its size: `sqrt(2)` for rectifiers, else 1.

    It is what `fan_scale` amounts to in a layer with as many outputs as inputs: there the variance of a weight is `gain^2 / fan_in`.

    Example:
        >>> round(gain("relu") ** 2, 6), round(gain("tanh"), 6)
        (2.0, 1.0)
    """
    return fan_scale(activation, 1, 1) / math.sqrt(3.0)
