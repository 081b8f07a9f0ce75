import numpy as np
import pytest
import scipy.stats

from isthmus.initializers import FanScaled, Orthogonal


@pytest.mark.parametrize(("fan_in", "fan_out"), [(30, 12), (12, 30), (9, 9), (1, 5), (5, 1)])
@pytest.mark.parametrize(("activation", "gain"), [("identity", 1.0), ("tanh", 1.0), ("relu", np.sqrt(2.0)), ("selu", 1.0)])
def test_every_singular_value_is_the_gain(fan_in, fan_out, activation, gain):
    weight = Orthogonal()(fan_in, fan_out, activation, rng=np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.svd(weight, compute_uv=False), gain, rtol=1e-5)


def test_all_rotations_are_drawn_alike():
    rng = np.random.default_rng(1)
    draws = np.array([Orthogonal()(2, 2, "identity", rng=rng) for _ in range(2000)])
    angles = np.arctan2(draws[:, 1, 0], draws[:, 0, 0])
    assert scipy.stats.kstest(angles, scipy.stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    determinants = np.linalg.det(draws)
    assert abs(np.mean(determinants > 0.0) - 0.5) < 5 * np.sqrt(0.25 / 2000)


def test_gradients_come_through_many_layers_as_they_went_in():
    rng = np.random.default_rng(2)
    lengths = {}
    for initializer in (Orthogonal(), FanScaled()):
        product = np.eye(50)
        for _ in range(40):
            product = product @ initializer(50, 50, "identity", rng=rng)
        lengths[initializer] = np.linalg.svd(product, compute_uv=False)
    np.testing.assert_allclose(lengths[Orthogonal()], 1.0, rtol=1e-4)
    assert np.median(lengths[FanScaled()]) < 1e-3
