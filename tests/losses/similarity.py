"""Structural similarities as their papers write them: window by window, in float64 and with no product of matrices."""

import numpy as np


def factors(x, y, window, sigma, data_range):
    """How alike two images of (height, width) are in brightness and in structure, at each place of the window."""
    line = np.exp(-0.5 * ((np.arange(window) - 0.5 * (window - 1)) / sigma) ** 2)
    weight = np.outer(line, line) / line.sum() ** 2
    x, y = (np.lib.stride_tricks.sliding_window_view(image, (window, window)) for image in (x, y))

    def mean(values):
        return (weight * values).sum(axis=(-2, -1))

    mean_x, mean_y = mean(x), mean(y)
    x, y = x - mean_x[..., None, None], y - mean_y[..., None, None]
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    brightness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return brightness, (2 * mean(x * y) + c2) / (mean(x * x) + mean(y * y) + c2)


def ssim(x, y, window=11, sigma=1.5, data_range=1.0):
    """The structural similarity of two images of (height, width) or (height, width, channels)."""
    pairs = zip(channels(x), channels(y), strict=True)
    return np.mean([np.prod(factors(a, b, window, sigma, data_range), axis=0).mean() for a, b in pairs])


def ms_ssim(x, y, exponents, window=11, sigma=1.5, data_range=1.0):
    """The same over several scales, with the library's substitute for what has no power."""
    return np.mean([_of_one_channel(*pair, exponents, window, sigma, data_range) for pair in zip(channels(x), channels(y), strict=True)])


def _of_one_channel(x, y, exponents, *settings):
    product = 1.0
    for scale, exponent in enumerate(exponents):
        brightness, structure = factors(x, y, *settings)
        value = (brightness * structure if scale == len(exponents) - 1 else structure).mean()
        product *= (value if value > 0.01 else 1e-4 / (0.02 - value)) ** exponent
        x, y = halved(x), halved(y)
    return product


def channels(x):
    return [x] if x.ndim == 2 else np.moveaxis(x, -1, 0)


def halved(x):
    x = x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2]
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
