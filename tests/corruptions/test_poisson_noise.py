import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus import Autoencoder
from isthmus.corruptions import PoissonNoise
from isthmus.errors import DataError


@pytest.mark.parametrize(("scale", "mean"), [(0.5, 1.0), (0.25, 10.0)])
def test_values_are_counts_of_their_mean(scale, mean):
    drawn = np.asarray(PoissonNoise(scale)(jnp.full((20_000, 1), mean), key=jax.random.key(0))).ravel() / scale
    np.testing.assert_array_equal(drawn, np.round(drawn))
    expected = scipy.stats.poisson(mean / scale)
    seen, counts = np.unique(drawn, return_counts=True)
    often = expected.pmf(seen) * len(drawn) > 10
    chi_square = np.sum((counts - len(drawn) * expected.pmf(seen))[often] ** 2 / (len(drawn) * expected.pmf(seen[often])))
    assert chi_square < scipy.stats.chi2(often.sum()).ppf(0.999)


def test_zero_stays_zero():
    np.testing.assert_array_equal(PoissonNoise(0.3)(jnp.zeros((100, 3)), key=jax.random.key(1)), np.zeros((100, 3)))


@pytest.mark.parametrize("scale", [1e-4, 1e-6, 1e-8, 1e-20, 1e-37])
def test_counts_beyond_the_digits_of_a_float_have_the_noise_of_counts(scale):
    x = jnp.full((5000, 1), 2.0)
    noise = np.asarray(PoissonNoise(scale)(x, key=jax.random.key(2)) - x, np.float64)
    rounding = 2.0 * np.finfo(np.float32).eps
    assert abs(noise.mean()) < 5 * np.sqrt(2.0 * scale / 5000) + rounding
    assert abs(noise.std() - np.sqrt(2.0 * scale)) < 0.05 * np.sqrt(2.0 * scale) + rounding


def test_is_finite_for_the_largest_values():
    damaged = PoissonNoise(1e-3)(jnp.asarray([[1e30, 1e38, 1e-38]]), key=jax.random.key(3))
    np.testing.assert_allclose(damaged[0, :2], [1e30, 1e38], rtol=1e-6)
    assert float(damaged[0, 2]) == 0.0


def test_rows_below_zero_are_refused_with_what_to_do():
    with pytest.raises(DataError, match=r"defined for values of 0 and more; the scaled rows go down to -1\.5\. Pass scaling='unit_range'"):
        PoissonNoise().check_rows(np.array([[0.0, 2.0], [-1.5, 1.0]]))
    PoissonNoise().check_rows(np.array([[0.0, 2.0], [-1e-9, 1.0]]))
    PoissonNoise().check_rows(np.zeros((0, 3)))


def test_a_fit_of_centered_rows_is_refused_and_one_of_rows_from_zero_on_is_not():
    table = np.random.default_rng(0).uniform(size=(40, 3))
    autoencoder = Autoencoder(2, hidden_dims=(4,), corruption="poisson_noise", max_epochs=1, random_state=0)
    with pytest.raises(DataError, match="the scaled rows go down to -"):
        autoencoder.fit(table)
    assert np.isfinite(autoencoder.set_params(scaling="unit_range").fit(table).score(table))
