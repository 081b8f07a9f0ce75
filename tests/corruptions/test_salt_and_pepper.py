import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.corruptions import SaltAndPepper


def sample(n_rows=400, n_features=10):
    return jnp.asarray(np.random.default_rng(0).normal(size=(n_rows, n_features)) * np.arange(1, n_features + 1), float)


def test_values_are_kept_or_become_an_extreme_of_their_feature():
    x = sample()
    damaged = SaltAndPepper(0.5)(x, key=jax.random.key(0))
    low, high = (damaged == jnp.min(x, axis=0)), (damaged == jnp.max(x, axis=0))
    assert jnp.all((damaged == x) | low | high)
    for extreme in (low, high):
        assert abs(float(jnp.mean(extreme)) - 0.25 - 1 / 400) < 5 * np.sqrt(0.25 * 0.75 / x.size)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_the_share_is_what_was_asked_for(share):
    x = sample(2000)
    changed = np.asarray(SaltAndPepper(share)(x, key=jax.random.key(1)) != x)
    assert abs(changed.mean() - share) < 5 * np.sqrt(share * (1 - share) / x.size) + 2 / 2000


def test_extremes_are_those_of_rows_that_count():
    x, mask = sample(200), jnp.asarray(np.arange(200) < 150, float)
    damaged = SaltAndPepper(0.5)(x.at[150:].set(1e6), mask=mask, key=jax.random.key(2))[:150]
    np.testing.assert_array_equal(damaged.max(axis=0), x[:150].max(axis=0))
    np.testing.assert_array_equal(damaged.min(axis=0), x[:150].min(axis=0))


def test_it_is_the_same_damage_in_every_unit():
    x = sample()
    damaged = SaltAndPepper(0.3)(x, key=jax.random.key(3))
    np.testing.assert_allclose(SaltAndPepper(0.3)(x / 8 - 1, key=jax.random.key(3)), damaged / 8 - 1, rtol=1e-6)


def test_a_constant_feature_stays():
    x = sample().at[:, 3].set(2.5)
    np.testing.assert_array_equal(SaltAndPepper(0.9)(x, key=jax.random.key(4))[:, 3], np.full(400, 2.5))
