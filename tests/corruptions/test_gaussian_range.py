import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.corruptions import Gaussian, GaussianRange
from isthmus.errors import PartError


def test_levels_are_uniform_and_the_noise_of_a_row_is_normal():
    noise = np.asarray(GaussianRange(0.5, 2.0)(jnp.zeros((1000, 400)), key=jax.random.key(0)))
    levels = noise.std(axis=1)
    assert scipy.stats.kstest(levels, "uniform", args=(0.5, 1.5)).pvalue > 1e-3
    assert scipy.stats.kstest((noise / levels[:, None]).ravel(), "norm").pvalue > 1e-3


def test_a_range_of_one_level_is_that_level():
    x = jnp.zeros((100, 300))
    ranged, plain = (np.asarray(part(x, key=jax.random.key(1))) for part in (GaussianRange(0.7, 0.7), Gaussian(0.7)))
    assert scipy.stats.ks_2samp(ranged.ravel(), plain.ravel()).pvalue > 1e-3


def test_rows_of_several_axes_have_one_level():
    noise = np.asarray(GaussianRange(0.0, 1.0)(jnp.zeros((50, 20, 30, 2)), key=jax.random.key(2)))
    along = noise.std(axis=2)
    np.testing.assert_allclose(along, np.broadcast_to(noise.std(axis=(1, 2, 3))[:, None, None], along.shape), rtol=0.6)


def test_ends_in_the_wrong_order_are_refused():
    with pytest.raises(PartError, match=r"`gaussian_range\.low`=0\.5 lies above `high`=0\.3\. Give the smaller standard deviation first"):
        GaussianRange(0.5)
