import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from isthmus.regularizers import SlicedWasserstein
from regularizers.views import Draws, codes_view, gaussian_codes, penalty


def value(code, mask=None, part=None, **options):
    return penalty(part or SlicedWasserstein(n_projections=4), codes_view(code, mask, **options))


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (2.0, 0.5), (-1.0, 3.0)])
def test_of_two_normal_distributions_on_a_line_is_the_closed_form(mean, scale):
    found = value(gaussian_codes(4000, (mean,), (scale,)))
    np.testing.assert_allclose(found, mean**2 + (scale - 1) ** 2, rtol=0.1, atol=0.01)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_on_a_line_is_the_power_of_scipys_distance_for_the_rows_that_count(p):
    codes, draws = gaussian_codes(7, (1.0,), (2.0,), seed=1), gaussian_codes(7, (0.0,), (1.0,), seed=2)
    mask = np.array([0, 1, 1, 1, 0, 1, 1])
    first, second = np.sort(codes[mask == 1, 0]), np.sort(draws[:5, 0])
    found = value(codes, mask, SlicedWasserstein(p=p), prior=Draws(draws))
    np.testing.assert_allclose(found, np.mean(np.abs(first - second) ** p), rtol=1e-5)
    if p == 1:
        np.testing.assert_allclose(found[0], scipy.stats.wasserstein_distance(first, second), rtol=1e-5)


def test_of_a_shift_is_its_square_over_the_dimensions():
    found = value(np.full((3, 4), 2.0), part=SlicedWasserstein(n_projections=1000), prior=Draws(np.zeros((3, 4))))
    np.testing.assert_allclose(found, 4.0, rtol=0.1)


def test_of_the_same_codes_in_another_order_is_zero():
    codes = gaussian_codes(50)
    np.testing.assert_allclose(value(codes, prior=Draws(codes[::-1])), 0.0, atol=1e-10)


@pytest.mark.parametrize("size", [0.0, 1e15])
def test_codes_in_one_place_and_far_away_have_finite_values_and_slopes(size):
    found, slope = jax.value_and_grad(lambda code: jnp.sum(value(code, [1, 1, 0])))(size * gaussian_codes(3))
    assert jnp.isfinite(found)
    assert jnp.all(jnp.isfinite(slope))
    np.testing.assert_array_equal(slope[2], 0.0)
