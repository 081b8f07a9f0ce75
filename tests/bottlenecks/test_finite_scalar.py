"""Levels, their numbers, and the gradient past the rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bottlenecks.calls import call
from isthmus import Autoencoder
from isthmus.architectures import Linear
from isthmus.bottlenecks import FiniteScalar
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts

SWEEP = np.linspace(-6.0, 6.0, 1201)[:, None]


def called(part, hidden, mask=None):
    return call(part, (), (), hidden, mask=mask)[0]


@pytest.mark.parametrize("n_levels", [2, 3, 5, 8])
class TestLevels:
    def test_are_evenly_spaced_from_minus_one_to_one(self, n_levels):
        codes = np.asarray(called(FiniteScalar((n_levels,)), SWEEP).code)[:, 0]
        np.testing.assert_allclose(np.unique(codes), np.linspace(-1, 1, n_levels), atol=1e-6)
        assert np.all(np.diff(codes) >= 0.0)

    def test_the_nearest_to_the_squashed_value_is_taken(self, n_levels):
        levels, squashed = np.linspace(-1, 1, n_levels), np.tanh(SWEEP)
        distances = np.abs(squashed - levels)
        clear = np.ptp(np.sort(distances, axis=1)[:, :2], axis=1) > 1e-5
        part, hidden = FiniteScalar((n_levels,)), jnp.asarray(SWEEP)
        numbers = np.asarray(part.indices((), (), hidden))[:, 0]
        np.testing.assert_array_equal(numbers[clear], distances.argmin(axis=1)[clear])
        np.testing.assert_allclose(part.encode((), (), hidden)[:, 0], levels[numbers], atol=1e-6)

    def test_any_number_has_its_nearest(self, n_levels):
        values = jnp.asarray([[-7.0], [-1.0], [0.99], [1.0], [9.0]])
        np.testing.assert_allclose(FiniteScalar((n_levels,)).nearest((), (), values), [[-1], [-1], [1], [1], [1]], atol=1e-6)


def test_the_gradient_is_that_of_the_squashing():
    hidden = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    slope = jax.grad(lambda hidden: jnp.sum(called(FiniteScalar((5,)), hidden).code))(hidden)
    np.testing.assert_allclose(slope, 1 - np.tanh(hidden) ** 2, rtol=1e-5)
    far = jax.grad(lambda hidden: jnp.sum(called(FiniteScalar((5,)), hidden).code))(1e30 * hidden)
    assert np.all(np.isfinite(far))


def test_each_dimension_has_levels_of_its_own():
    part = FiniteScalar((2, 5, 3))
    hidden = jnp.asarray(np.random.default_rng(0).normal(size=(400, 3)) * 2)
    codes = np.asarray(part.encode((), (), hidden))
    assert [len(np.unique(column)) for column in codes.T] == [2, 5, 3]
    np.testing.assert_array_equal(np.asarray(part.indices((), (), hidden)).max(axis=0), [1, 4, 2])


def test_the_share_of_levels_in_use_is_reported():
    hidden = np.array([[-9.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    reports = called(FiniteScalar((2, 3)), hidden, [1, 1, 0]).reports
    np.testing.assert_allclose(reports["levels_in_use"], 3 / 5)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ((), "leaves no level. Give one number"),
        ((4, 1), r"`finite_scalar.levels` must be in \[2, inf\); got 1."),
        (8, "must be a tuple"),
    ],
)
def test_levels_that_are_none_are_refused(levels, message):
    with pytest.raises(PartError, match=message):
        FiniteScalar(levels)


def test_levels_for_another_code_are_refused():
    with pytest.raises(PartError, match=r"has 3 numbers, and codes have the shape \(2,\). Give one for each"):
        Parts(Linear(), SquaredError(), data_shape=(5,), latent_shape=(2,), bottleneck=FiniteScalar((2, 3, 4)))


def test_the_estimator_gives_the_numbers_of_the_levels():
    table = np.random.default_rng(3).normal(size=(60, 5))
    autoencoder = Autoencoder(2, bottleneck=FiniteScalar((4, 3)), architecture="linear", max_epochs=2, random_state=0).fit(table)
    numbers = autoencoder.codes(table)
    np.testing.assert_allclose(2 * numbers / np.array([3, 2]) - 1, autoencoder.transform(table), atol=1e-6)
    assert np.all(autoencoder.history_["levels_in_use"] <= 1.0)
