import numpy as np
import pytest
import scipy.stats

from isthmus.initializers import Sparse


@pytest.mark.parametrize(("fan_in", "n_connections", "connected"), [(100, 15, 15), (100, 1, 1), (10, 15, 10), (15, 15, 15), (1, 15, 1)])
def test_every_unit_has_its_number_of_inputs(fan_in, n_connections, connected):
    weight = Sparse(n_connections)(fan_in, 60, "tanh", rng=np.random.default_rng(0))
    assert np.all(np.count_nonzero(weight, axis=0) == connected)


@pytest.mark.parametrize(
    ("activation", "width"), [("sigmoid", 1.0), ("tanh", 0.25), ("identity", 1 / np.sqrt(15)), ("relu", np.sqrt(2 / 15))]
)
def test_the_others_are_normal(activation, width):
    weight = Sparse()(60, 200, activation, rng=np.random.default_rng(1))
    assert scipy.stats.kstest(weight[weight != 0.0], scipy.stats.norm(scale=width).cdf).pvalue > 0.01


def test_units_choose_their_inputs_apart_and_every_input_is_chosen_alike():
    chosen = Sparse(5)(20, 4000, "sigmoid", rng=np.random.default_rng(2)) != 0.0
    assert scipy.stats.chisquare(chosen.sum(axis=1)).pvalue > 0.01
    both = np.mean(chosen[0] & chosen[1])
    assert abs(both - 5 / 20 * 4 / 19) < 5 * np.sqrt(0.06 / 4000)
    assert len(np.unique(chosen, axis=1).T) > 3000


def test_a_bounded_layer_keeps_the_size_of_what_it_passes_on_without_bounds():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(500, 300))
    for activation, act in (("relu", lambda h: np.maximum(h, 0.0)), ("identity", lambda h: h)):
        sizes = [np.mean(act(x @ Sparse()(300, 300, activation, rng=rng)) ** 2) for _ in range(20)]
        np.testing.assert_allclose(np.mean(sizes), 1.0, rtol=0.05)
