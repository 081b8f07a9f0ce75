from typing import ClassVar

from isthmus._types import Shape

from ._base_convolutional import AbstractConvolutional


class Convolutional(AbstractConvolutional):
    """Convolutions over images: few weights, which look for the same patterns everywhere.

    The encoder's `h <- activation(W * h + b)`, once for each of `channels`, sees `kernel_size` pixels a side at places `stride` apart,
    zeros beyond the border, so that a side of n becomes ceil(n / stride); dense layers lead from the last map to the code. The decoder
    mirrors it: dense layers back to that map, then transposed convolutions, `h <- activation(W' * h + b)`, which give each side the
    size that it had, odd ones too. The last layer's bias is one number for each pixel and channel, not one for a channel, so that training
    begins at the mean image. With `linear_path` a linear map `V x` is added from end to end, which starts at the principal components
    while the rest starts at zero, as in `Dense`.

    For images in which the same things happen at many places. A kernel's weights serve all of them: for 28x28 images and 32 codes the
    default network has a quarter of the weights of `Dense`'s and takes twice its multiplications. On a CPU, and with
    precision="bfloat16" everywhere, a convolution is a product of patches, which takes memory for `(kernel_size / stride)^2` times each map
    of a batch; elsewhere it is the platform's own.

    The linear path is worth most where images are few: without one, 8x8 digits from 200 rows come back with twice the error of the
    principal components that it starts from (16 codes). With thousands of rows it only holds the network back (MNIST, 16 codes, 2000
    rows: 0.81 of the components' error with it and 0.67 without; 10 000 rows: 0.59 and 0.56).

    Attributes:
        channels: of the encoder's feature maps, from the image to the code.
        kernel_size: pixels a side; images must be as large. Multiples of the stride spread evenly (Odena et al. 2016).
        stride: pixels between two places, at most `kernel_size`; 1 keeps the size.
        activation: of the hidden layers.
        dense_dims: widths of dense layers between the last map and the code, mirrored in the decoder.
        linear_path: whether a linear map runs beside the layers, with a weight for each value and code.
        initializer: draws the weights of the layers; None for `FanScaled`.

    References:
        LeCun et al., Backpropagation Applied to Handwritten Zip Code Recognition, Neural Computation 1, 1989; Masci et al., Stacked
        Convolutional Auto-Encoders for Hierarchical Feature Extraction, ICANN 2011, which pools by maxima and trains layer after
        layer, where here strides shrink the maps (Springenberg et al. 2015, arXiv:1412.6806) and all is trained at once; Odena et al.,
        Deconvolution and Checkerboard Artifacts, Distill 2016.

    Example:
        >>> import numpy as np
        >>> encoder = Convolutional(channels=(4, 8)).encoder((5, 28, 3), (2,), rng=np.random.default_rng(0))
        >>> encoder.maps
        ((5, 28, 3), (3, 14, 4), (2, 7, 8))
    """

    n_axes: ClassVar[int] = 2
    layouts: ClassVar[str] = "(height, width) or (height, width, channels)"
    example_shape: ClassVar[Shape] = (28, 28, 1)
