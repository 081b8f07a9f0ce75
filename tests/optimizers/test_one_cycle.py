import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.optimizers import Cosine, OneCycle


def at(schedule, *progress):
    return np.asarray([schedule.factor(p) for p in progress], float)


@pytest.mark.parametrize(("peak", "start", "end"), [(0.3, 0.04, 0.0), (0.5, 0.5, 0.1), (0.9, 0.0, 0.9)])
def test_rises_to_one_at_its_peak_and_falls_to_its_end(peak, start, end):
    schedule = OneCycle(peak, start, end)
    halves = 0.5 * peak, 0.5 * (1 + peak)
    np.testing.assert_allclose(
        at(schedule, 0.0, halves[0], peak, halves[1], 1.0), [start, (1 + start) / 2, 1.0, (1 + end) / 2, end], atol=1e-6
    )
    progress = np.linspace(0, 1, 201)
    changes = np.diff(at(schedule, *progress))
    assert np.all(changes[progress[1:] <= peak] >= 0)
    assert np.all(changes[progress[:-1] >= peak] <= 0)


def test_after_its_peak_is_a_cosine_over_what_remains():
    progress = np.linspace(0, 1, 9)
    np.testing.assert_allclose(at(OneCycle(0.2, end=0.1), *(0.2 + 0.8 * progress)), at(Cosine(0.1), *progress), atol=1e-6)


def test_without_a_rise_it_is_a_cosine_also_when_traced():
    progress = jnp.linspace(0, 1, 9)
    compiled = jax.jit(lambda schedule: jax.vmap(schedule.factor)(progress))
    np.testing.assert_allclose(compiled(OneCycle(peak=0.0, end=0.2)), at(Cosine(0.2), *progress), atol=1e-6)
