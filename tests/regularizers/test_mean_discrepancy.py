import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.errors import PartError
from isthmus.regularizers import MeanDiscrepancy
from regularizers.views import Draws, codes_view, gaussian_codes, penalty


def value(code, mask=None, part=None, seed=0, **options):
    return penalty(part or MeanDiscrepancy(), codes_view(code, mask, **options), seed=seed)


def by_hand(codes, draws, kernel):
    """The definition, pair by pair."""
    codes, draws, n = np.asarray(codes, np.float64), np.asarray(draws, np.float64), len(codes)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    within = np.mean([kernel(codes[i], codes[j]) + kernel(draws[i], draws[j]) for i, j in pairs if i != j])
    return within - 2 * np.mean([kernel(codes[i], draws[j]) for i, j in pairs])


def gaussian_mean(variance, mean, scale, n_dims=2):
    """E exp(-|d|^2 / (2 n s)) of a difference d of independent normal entries."""
    width = n_dims * scale
    return (width / (width + variance)) ** (n_dims / 2) * np.exp(-np.sum(np.square(mean)) / (2 * (width + variance)))


@pytest.mark.parametrize("kernel", ["inverse_multiquadric", "gaussian"])
def test_is_the_definition_over_the_rows_that_count(kernel):
    codes, draws, mask = gaussian_codes(6, seed=1), gaussian_codes(6, seed=2), np.array([1, 0, 1, 1, 0, 1])

    def kernel_of(a, b):
        u = np.sum(np.square(a - b)) / 4
        return sum(scale / (scale + u) if kernel == "inverse_multiquadric" else np.exp(-u / scale) for scale in (0.5, 2.0))

    found = value(codes, mask, MeanDiscrepancy(1.0, kernel, (0.5, 2.0)), prior=Draws(draws))
    np.testing.assert_allclose(found, by_hand(codes[mask == 1], draws[:4], kernel_of), rtol=1e-5)


@pytest.mark.parametrize(("mean", "scale"), [((0.0, 0.0), 1.0), ((1.0, -0.5), 0.6), ((3.0, 0.0), 2.0)])
def test_of_two_normal_distributions_is_the_closed_form(mean, scale):
    part = MeanDiscrepancy(kernel="gaussian", scales=(0.7,))
    between = gaussian_mean(1 + scale**2, mean, 0.7)
    expected = gaussian_mean(2 * scale**2, 0.0, 0.7) + gaussian_mean(2.0, 0.0, 0.7) - 2 * between
    found = value(gaussian_codes(1500, mean, (scale, scale)), part=part)
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_small_batches_are_unbiased():
    def of(key):
        code_key, draw_key = jax.random.split(key)
        return MeanDiscrepancy()((), codes_view(jax.random.normal(code_key, (5, 2))), key=draw_key)[0]

    values = np.asarray(jax.jit(jax.vmap(of))(jax.random.split(jax.random.key(1), 2000)))
    assert 0 < abs(values.mean()) < 4 * values.std() / np.sqrt(2000)


@pytest.mark.parametrize("kernel", ["inverse_multiquadric", "gaussian"])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e10, 1e30])
def test_codes_in_one_place_and_far_away_have_finite_values_and_slopes(kernel, size):
    part, code = MeanDiscrepancy(kernel=kernel), size * gaussian_codes(4)
    found, slope = jax.value_and_grad(lambda code: jnp.sum(value(code, part=part)))(code)
    assert jnp.isfinite(found)
    assert jnp.all(jnp.isfinite(slope))


def test_one_row_has_nobody_to_be_compared_with_but_its_draw():
    part = MeanDiscrepancy(kernel="gaussian", scales=(1.0,))
    np.testing.assert_allclose(value(np.ones((1, 2)), part=part, prior=Draws(np.zeros((1, 2)))), -2 * np.exp(-0.5), rtol=1e-6)


@pytest.mark.slow
def test_makes_codes_that_rows_can_be_sampled_from():
    rng = np.random.default_rng(3)
    table = np.tanh(rng.exponential(size=(400, 2)) @ rng.normal(size=(2, 5)))
    options = {"hidden_dims": (16,), "max_epochs": 40, "learning_rate": 0.01, "batch_size": 100, "random_state": 0}
    moments, names = {}, ["loss", "mean_discrepancy", "reconstruction", "val_loss", "val_mean_discrepancy", "val_reconstruction"]
    for weight in (0.0, 30.0):
        autoencoder = Autoencoder(2, regularizers=MeanDiscrepancy(weight), **options).fit(table)
        codes = autoencoder.transform(table)
        moments[weight] = np.max(np.abs(np.append(codes.mean(axis=0), np.cov(codes.T) - np.eye(2))))
        assert sorted(autoencoder.history_) == names
    assert moments[30.0] < 0.3 < moments[0.0]
    drawn = autoencoder.sample(2000)
    np.testing.assert_allclose(drawn.mean(axis=0), table.mean(axis=0), atol=0.25 * table.std(axis=0).max())
    np.testing.assert_array_equal(autoencoder.sample(5), autoencoder.sample(5))


def test_an_unknown_kernel_is_answered_with_the_known_ones():
    with pytest.raises(PartError, match=r"Unknown `mean_discrepancy\.kernel` 'linear'\. Choose one of: inverse_multiquadric, gaussian\."):
        MeanDiscrepancy(kernel="linear")
