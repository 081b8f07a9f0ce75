import numpy as np
import pytest
import scipy.stats

from isthmus._activations import fan_scale
from isthmus.initializers import FanScaled


@pytest.mark.parametrize("activation", ["relu", "selu", "tanh"])
def test_weights_are_uniform_over_the_interval(activation):
    weight = FanScaled()(80, 50, activation, rng=np.random.default_rng(0))
    half_width = fan_scale(activation, 80, 50)
    assert scipy.stats.kstest(weight.ravel(), scipy.stats.uniform(-half_width, 2 * half_width).cdf).pvalue > 0.01
    assert np.abs(weight).max() <= half_width * (1 + 1e-6)
