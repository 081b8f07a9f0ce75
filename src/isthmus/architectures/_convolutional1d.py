from typing import ClassVar

from isthmus._types import Shape

from ._base_convolutional import AbstractConvolutional


class Convolutional1d(AbstractConvolutional):
    """Convolutions over series: few weights, which look for the same patterns at all times.

    `Convolutional` along one axis, of any length: `h <- activation(W * h + b)` for each of `channels`, `kernel_size` steps seen at
    times `stride` apart, zeros before the beginning and after the end, then dense layers to the code; transposed convolutions lead back.
    What a row has at one time, its features, are the channels of the first map.

    For series and spectra, where what matters may happen sooner or later and reaches over a few steps; each of `channels` widens what a
    number of the last map has seen by the stride. Its cost, its memory and its start are those of `Convolutional`, with
    `kernel_size / stride` in the place of its square. All rows have one length.

    Attributes:
        channels: of the encoder's feature maps, from the series to the code.
        kernel_size: steps; series must be as long. Multiples of the stride spread evenly.
        stride: steps between two places, at most `kernel_size`; 1 keeps the length.
        activation: of the hidden layers.
        dense_dims: widths of dense layers between the last map and the code, mirrored in the decoder.
        linear_path: whether a linear map runs beside the layers, with a weight for each value and code.
        initializer: draws the weights of the layers; None for `FanScaled`.

    References:
        Waibel et al., Phoneme Recognition Using Time-Delay Neural Networks, IEEE Transactions on Acoustics, Speech, and Signal
        Processing 37, 1989, which strides by 1 and classifies; and those of `Convolutional`.

    Example:
        >>> import numpy as np
        >>> decoder = Convolutional1d(channels=(4, 8)).decoder((2,), (100, 3), rng=np.random.default_rng(0))
        >>> decoder.maps
        ((25, 8), (50, 4), (100, 3))
    """

    n_axes: ClassVar[int] = 1
    layouts: ClassVar[str] = "(length,) or (length, features)"
    example_shape: ClassVar[Shape] = (64, 3)
