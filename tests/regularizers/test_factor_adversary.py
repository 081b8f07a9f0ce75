import jax
import jax.numpy as jnp
import numpy as np

from isthmus import Autoencoder
from isthmus.bottlenecks import Gaussian
from isthmus.optimizers import Adam
from isthmus.regularizers import FactorAdversary
from isthmus.regularizers._factor_adversary import _mixed
from regularizers.judges import log_odds, moved_weights, softplus, taught
from regularizers.views import codes_view, gaussian_codes, penalty

MASK = np.array([1, 0, 1, 1, 0, 1])


def test_value_and_both_gradients_are_those_of_the_two_costs():
    part, step = FactorAdversary(2.0, (5,)), 1e-6
    with jax.enable_x64(True):
        own, direction, codes = moved_weights(part), moved_weights(part, seed=7), gaussian_codes(6)
        mixed = _mixed(codes[None], jnp.asarray(MASK, float), key=jax.random.key(3))[0, :4]

        def mean(own, codes):
            values = part(own, codes_view(codes, MASK, n_features=3), key=jax.random.key(3))
            return jnp.sum(MASK * values) / 4

        def own_cost(own):
            return np.mean(softplus(-log_odds(own, codes[MASK == 1]))) + np.mean(softplus(log_odds(own, mixed)))

        np.testing.assert_allclose(mean(own, codes), np.mean(log_odds(own, codes[MASK == 1])), rtol=1e-9)
        own_slope, slope = jax.grad(mean, argnums=(0, 1))(own, codes)
        shift = gaussian_codes(6, seed=5)
        ahead, behind = (np.mean(log_odds(own, (codes + sign * step * shift)[MASK == 1])) for sign in (1, -1))
        np.testing.assert_allclose(np.sum(slope * shift), (ahead - behind) / (2 * step), rtol=1e-6)
        ahead, behind = (own_cost(jax.tree.map(lambda w, d, sign=sign: w + sign * step * d, own, direction)) for sign in (1, -1))
        found = sum(np.sum(a * b) for a, b in zip(jax.tree.leaves(own_slope), jax.tree.leaves(direction), strict=True))
        # The objective multiplies by the weight, 2, and divides by the features, 3.
        np.testing.assert_allclose(found * 2 / 3, (ahead - behind) / (2 * step), rtol=1e-6)


def test_entries_are_put_into_orders_of_their_own_among_the_rows_that_count():
    codes, mask = jnp.asarray(np.arange(2 * 40 * 3).reshape(2, 40, 3), float), jnp.asarray(np.arange(40) % 4 > 0, float)
    counted = np.asarray(codes)[:, mask == 1]
    mixed = np.asarray(_mixed(codes, mask, key=jax.random.key(0)))[:, :30]
    np.testing.assert_array_equal(np.sort(mixed, axis=1), counted)
    orders = [tuple(np.argsort(mixed[sample, :, entry])) for sample in range(2) for entry in range(3)]
    assert len(set(orders)) == 6


def test_taught_it_reports_the_total_correlation():
    part, view = FactorAdversary(hidden_dims=(24,)), codes_view(gaussian_codes(1000, correlation=0.8))
    found = np.mean(penalty(part, view, taught(part, view), seed=9))
    np.testing.assert_allclose(found, -0.5 * np.log(1 - 0.8**2), rtol=0.15)


def test_a_fit_parts_what_belongs_together_and_repeats():
    codes, noise = np.asarray(gaussian_codes(320, correlation=0.9, seed=2)), np.random.default_rng(1).normal(size=(320, 3))
    table = codes @ np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]) + 0.05 * noise
    options = {"hidden_dims": (8,), "activation": "tanh", "batch_size": 64, "max_epochs": 60, "random_state": 2}
    options |= {"bottleneck": Gaussian(0.05), "optimizer": Adam(3e-3, 0.5)}
    sizes = {}
    for weight in (0.0, 1.0):
        autoencoder = Autoencoder(2, regularizers=FactorAdversary(weight, (16,)), **options).fit(table)
        drawn = autoencoder.sample_posterior(table, 1, random_state=0)[:, 0]
        sizes[weight] = abs(np.corrcoef(drawn.T)[0, 1])
    assert sizes[0.0] > 0.4
    assert sizes[1.0] < 0.2
    assert {"factor_adversary", "kl"} <= set(autoencoder.history_)
    again = Autoencoder(2, regularizers=FactorAdversary(1.0, (16,)), **options).fit(table)
    np.testing.assert_array_equal(again.transform(table), autoencoder.transform(table))
