import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from isthmus.errors import DataError, PartError
from isthmus.losses import Bernoulli, DiscretizedLogisticMixture


def raw(shares, means, log_scales):
    """Outputs of one value a row, from arrays (rows, components)."""
    return jnp.asarray(np.concatenate([shares, means, log_scales], axis=1), jnp.float32)


def bent(log_scale):
    """What a raw scale stands for, between exp(-7) and exp(3)."""
    return 3.0 - np.logaddexp(0.0, 10.0 - np.logaddexp(0.0, log_scale + 7.0))


def probabilities(shares, means, log_scales, n_levels):
    """Of each level, (rows, levels), as differences of distribution functions in float64."""
    half = 0.5 * (n_levels - 1)
    edges = np.r_[-np.inf, np.arange(1, n_levels) - 0.5, np.inf]
    position = (edges - half * (1.0 + means)[..., None]) / (half * np.exp(bent(log_scales)))[..., None]
    return np.sum(scipy.special.softmax(shares, axis=1)[..., None] * np.diff(scipy.special.expit(position)), axis=1)


@pytest.mark.parametrize(("n_components", "n_levels"), [(1, 2), (3, 17), (5, 256)])
def test_is_minus_the_logarithm_of_differences_of_sigmoids(n_components, n_levels):
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(3, 8, n_components)) * np.asarray([1.0, 0.7, 1.0])[:, None, None]
    loss = DiscretizedLogisticMixture(n_components, n_levels)
    expected = probabilities(*parts, n_levels)
    outputs = jnp.repeat(raw(*parts), n_levels, axis=0)
    levels = jnp.tile(jnp.arange(float(n_levels)), 8)[:, None]
    np.testing.assert_allclose(loss((), outputs, levels).reshape(8, n_levels), -np.log(expected), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loss.mean(raw(*parts))[:, 0], expected @ np.arange(n_levels), rtol=1e-5)


def test_two_levels_are_bernoullis():
    logit = np.linspace(-9.0, 9.0, 7)[:, None]
    # Half of the range is half a level, and so is a scale of 1: the logit is the mean over the scale, less the threshold's.
    outputs, x = raw(np.zeros((7, 1)), logit * np.exp(bent(0.0)), np.zeros((7, 1))), jnp.asarray(np.arange(7) % 2, float)[:, None]
    loss = DiscretizedLogisticMixture(1, 2)
    np.testing.assert_allclose(loss((), outputs, x), Bernoulli()((), jnp.asarray(logit), x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loss.mean(outputs), jax.nn.sigmoid(jnp.asarray(logit)), rtol=1e-4)


def test_the_mean_is_exact_for_narrow_and_for_wide_components_inside_and_outside_of_the_range():
    means, log_scales = (values.ravel() for values in np.meshgrid(np.linspace(-1.3, 1.3, 53), np.linspace(-7.0, 6.0, 27)))
    parts = np.zeros((len(means), 1)), np.float32(means)[:, None], np.float32(log_scales)[:, None]
    expected = probabilities(*(np.float64(part) for part in parts), 256) @ np.arange(256)
    # A place is rounded to float32, and at the step of a narrow component a level is won or lost within a tenth of one.
    np.testing.assert_allclose(DiscretizedLogisticMixture(1).mean(raw(*parts))[:, 0], expected, rtol=1e-6, atol=1e-3)


def test_a_level_far_from_every_component_costs_as_the_tail_of_the_nearest():
    # 200 levels beyond a narrow component a difference of sigmoids is 0 in any precision; the cost rises by 1 / scale a level.
    outputs = raw(np.zeros((2, 1)), np.full((2, 1), -1.0), np.full((2, 1), -5.0))
    far, farther = DiscretizedLogisticMixture(1)((), outputs, jnp.asarray([[200.0], [201.0]]))
    np.testing.assert_allclose(farther - far, 1.0 / (127.5 * np.exp(bent(-5.0))), rtol=1e-3)


def test_channels_have_outputs_of_their_own():
    rng = np.random.default_rng(1)
    outputs, x = jnp.asarray(rng.normal(size=(2, 3, 4, 3 * 5 * 2)), float), jnp.asarray(rng.integers(0, 256, size=(2, 3, 4, 2)), float)
    loss = DiscretizedLogisticMixture()
    assert loss.output_shape((3, 4, 2)) == (3, 4, 30)
    apart = [loss((), outputs[..., channel::2], x[..., channel : channel + 1]) for channel in (0, 1)]
    np.testing.assert_allclose(loss((), outputs, x), sum(apart), rtol=1e-5)


def test_what_scaling_and_scaling_back_left_of_a_level_is_that_level():
    outputs = jnp.asarray(np.random.default_rng(2).normal(size=(3, 15)), float)
    levels = jnp.asarray([[0.0], [77.0], [255.0]])
    cost = DiscretizedLogisticMixture()((), outputs, levels)
    np.testing.assert_array_equal(DiscretizedLogisticMixture()((), outputs, levels + jnp.asarray([[-1e-4], [1e-4], [-1e-4]])), cost)


def test_it_starts_with_components_that_differ():
    start = DiscretizedLogisticMixture().start(np.asarray([100.0]))
    assert len(np.unique(start[10:])) == 5
    np.testing.assert_allclose(DiscretizedLogisticMixture().mean(jnp.asarray(start)[None]), [[100.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, -1.0], r"for values of 0 and more, such as counts; got values down to -1\. Give"),
        ([0.0, 256.0], r"whole numbers from 0 to 255; got values up to 256\. Give images as they came.*set `n_levels`"),
        ([0.0, 0.25], r"whole numbers from 0 to 255; got 0\.25\. Give images as they came"),
    ],
)
def test_other_than_whole_levels_is_refused(values, message):
    DiscretizedLogisticMixture().check_rows(np.asarray([[0.0, 255.0]]))
    with pytest.raises(DataError, match=message):
        DiscretizedLogisticMixture().check_rows(np.asarray([values]))


def test_one_level_is_refused():
    with pytest.raises(PartError, match=r"`discretized_logistic_mixture\.n_levels` must be in \[2, inf\); got 1\."):
        DiscretizedLogisticMixture(n_levels=1)
