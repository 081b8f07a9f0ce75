import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.architectures import Linear
from isthmus.errors import PartError
from isthmus.losses import Ssim
from isthmus.model import Parts
from losses.examples import cost_of
from losses.similarity import ssim


def pictures(shape, n_rows=3, seed=0):
    """Smooth images, and noisy copies of them; all inside (0, 1)."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.1, 0.9, size=(n_rows, shape[0] // 4 + 1, shape[1] // 4 + 1, *shape[2:]))
    x = np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)[:, : shape[0], : shape[1]]
    return x, np.clip(x + 0.1 * rng.normal(size=x.shape), 0.01, 0.99)


def cost_between(loss, x, y):
    return cost_of(loss, (), jnp.asarray(loss.start(y), float), jnp.asarray(x, float))


@pytest.mark.parametrize("shape", [(11, 11), (16, 13), (12, 20, 3), (14, 14, 1)], ids=str)
def test_is_one_minus_the_similarity_that_the_paper_writes(shape):
    x, y = pictures(shape)
    expected = [1.0 - ssim(*pair) for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(cost_between(Ssim(), x, y) / np.prod(shape), expected, rtol=1e-4)


@pytest.mark.parametrize("settings", [(7, 1.5, 1.0), (4, 0.8, 1.0), (8, 3.0, 0.2), (3, 1.0, 1.0)], ids=str)
def test_its_fields_are_those_of_the_paper(settings):
    x, y = pictures((8, 9), seed=1)
    expected = [1.0 - ssim(*pair, *settings) for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(cost_between(Ssim(*settings), x, y) / 72, expected, rtol=1e-4)


def test_nearly_equal_images_keep_the_digits_of_their_difference():
    x, noisy = pictures((12, 12), seed=2)
    y = x + 1e-3 * (noisy - x)
    expected = [1.0 - ssim(*pair) for pair in zip(x, y, strict=True)]
    assert max(expected) < 1e-4
    # Logits in float32 move a value by some 3e-8, and this difference of 1e-4 by 0.03 %; the cost is its square.
    np.testing.assert_allclose(cost_between(Ssim(), x, y) / 144, expected, rtol=5e-3)


def test_of_flat_images_it_is_known():
    # No variance: only the brightness counts, 1 - (2 a b + c1) / (a^2 + b^2 + c1).
    x, y = np.full((1, 12, 12), 0.2), np.full((1, 12, 12), 0.6)
    np.testing.assert_allclose(cost_between(Ssim(), x, y) / 144, [1 - (0.24 + 1e-4) / (0.4 + 1e-4)], rtol=1e-4)


def test_a_negative_costs_more_than_a_blur_and_a_blur_more_than_a_shade():
    x, _ = pictures((16, 16), seed=3)
    shade, blur, negative = (cost_between(Ssim(), x, y) for y in (0.9 * x, 0.2 * x + 0.4, 1.0 - x))
    assert np.all(shade < blur)
    assert np.all(blur < negative)


def test_descent_brings_back_contrast_that_squared_errors_give_up():
    # At a grey image the cost's slope points towards the image, pixel by pixel where the window has room.
    x, _ = pictures((16, 16), n_rows=1, seed=4)
    grey = jnp.zeros((1, 16, 16)) + 0.01 * jnp.asarray(x - x.mean())
    slope = jax.grad(lambda outputs: cost_of(Ssim(), (), outputs, jnp.asarray(x, float))[0])(grey)
    assert np.corrcoef(-slope.ravel(), (x - x.mean()).ravel())[0, 1] > 0.3


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((64,), "compares images, rows of shape (height, width) or (height, width, channels); got rows of shape (64,). For a flat table"),
        ((2, 3, 4, 5), "got rows of shape (2, 3, 4, 5)"),
        ((10, 30), "needs images of at least 11 by 11; got 10 by 30. Give a window that fits, such as Ssim(window=9)."),
        ((30, 8, 3), "needs images of at least 11 by 11; got 30 by 8. Give a window that fits, such as Ssim(window=7)."),
    ],
)
def test_rows_that_are_no_images_or_too_small_are_refused(shape, message):
    with pytest.raises(PartError, match=re.escape(message)):
        Parts(Linear(), Ssim(), data_shape=shape, latent_shape=(1,))
