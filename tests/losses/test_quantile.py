import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from isthmus.errors import PartError
from isthmus.losses import AbsoluteError, Quantile


@pytest.mark.parametrize("level", [0.05, 0.5, 0.8])
def test_divided_by_the_number_of_values_it_is_scikit_learns_pinball_loss(level):
    outputs, x = np.random.default_rng(0).normal(size=(2, 40, 3))
    cost = Quantile(level)((), jnp.asarray(outputs), jnp.asarray(x))
    np.testing.assert_allclose(jnp.sum(cost) / x.size, mean_pinball_loss(x, outputs, alpha=level), rtol=1e-5)


def test_at_a_level_of_one_half_it_is_half_the_absolute_error():
    outputs, x = map(jnp.asarray, np.random.default_rng(1).normal(size=(2, 40, 3)))
    np.testing.assert_allclose(Quantile()((), outputs, x), 0.5 * AbsoluteError()((), outputs, x), rtol=1e-5)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("n_outliers", [0, 3])
def test_its_best_guess_is_the_quantile_outliers_or_not(level, n_outliers):
    values = np.sort(np.random.default_rng(2).lognormal(size=101))
    values[-n_outliers:] *= 1e6 if n_outliers else 1.0
    x = jnp.asarray(values)[:, None]
    quantile = np.quantile(values, level, method="inverted_cdf")
    below, above = values[np.searchsorted(values, quantile) - 1], values[np.searchsorted(values, quantile) + 1]

    def slope_at(guess):
        return jax.grad(lambda guess: jnp.sum(Quantile(level)((), jnp.full_like(x, guess), x)))(float(guess))

    assert slope_at(0.5 * (below + quantile)) < 0 < slope_at(0.5 * (quantile + above))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 2.0])
def test_a_level_at_the_ends_has_no_best_guess(level):
    with pytest.raises(PartError, match=r"`quantile\.level` must be in \(0, 1\)"):
        Quantile(level)


def test_it_changes_with_the_unit_as_the_data_do():
    outputs, x = map(jnp.asarray, np.random.default_rng(3).normal(size=(2, 5, 3)))
    loss = Quantile(0.2).rescaled(np.full(3, 10.0))
    np.testing.assert_allclose(loss((), 10.0 * outputs, 10.0 * x), 10.0 * Quantile(0.2)((), outputs, x), rtol=1e-5)
