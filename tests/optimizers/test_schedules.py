import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.errors import PartError
from isthmus.optimizers import Constant, Cosine, Exponential, Warmup


def at(schedule, *progress):
    return np.asarray([schedule.factor(p) for p in progress], float)


@pytest.mark.parametrize("end", [0.0, 0.2, 0.99])
def test_cosine_goes_from_one_to_its_end_and_is_symmetric(end):
    progress = np.linspace(0, 1, 11)
    np.testing.assert_allclose(at(Cosine(end), 0.0, 0.5, 1.0), [1.0, 0.5 * (1 + end), end], atol=1e-6)
    np.testing.assert_allclose(at(Cosine(end), *progress) + at(Cosine(end), *progress[::-1]), 1 + end, rtol=1e-6)
    np.testing.assert_allclose(at(Cosine(end), *progress), end + (1 - end) * np.cos(np.pi * progress / 2) ** 2, atol=1e-6)


@pytest.mark.parametrize("end", [1e-4, 0.5, 10.0])
def test_exponential_changes_by_one_ratio(end):
    factors = at(Exponential(end), *np.linspace(0, 1, 6))
    np.testing.assert_allclose(factors[1:] / factors[:-1], end**0.2, rtol=1e-6)
    np.testing.assert_allclose(factors[[0, -1]], [1.0, end], rtol=1e-6)


def test_exponential_cannot_end_at_zero():
    with pytest.raises(PartError, match=r"`exponential\.end` must be in \(0, inf\); got 0\."):
        Exponential(0)


def test_constant_is_one():
    np.testing.assert_array_equal(at(Constant(), 0.0, 0.4, 1.0), 1.0)


def test_warmup_rises_along_a_line_from_its_start_to_one():
    progress = np.linspace(0, 0.25, 6)
    np.testing.assert_allclose(at(Warmup(0.25, start=0.2), *progress), 0.2 + 0.8 * progress / 0.25, rtol=1e-6)
    np.testing.assert_allclose(at(Warmup(0.25, start=0.2), 0.25, 0.6, 1.0), 1.0, rtol=1e-6)


@pytest.mark.parametrize("then", [Constant(), Cosine(0.1), Exponential(0.01), Warmup(0.5, Cosine())])
def test_after_the_rise_the_other_schedule_sees_a_whole_run(then):
    progress = np.linspace(0, 1, 9)
    np.testing.assert_allclose(at(Warmup(0.2, then), *(0.2 + 0.8 * progress)), at(then, *progress), atol=1e-6)


def test_a_rise_multiplies_where_the_other_schedule_begins():
    np.testing.assert_allclose(at(Warmup(0.5, Warmup(0.5, start=0.4), start=0.1), 0.0, 0.5), [0.1 * 0.4, 0.4], rtol=1e-6)


@pytest.mark.parametrize("then", [Constant(), Cosine(0.1), Exponential(0.01)])
def test_a_share_of_zero_is_no_rise_also_when_traced(then):
    progress = jnp.linspace(0, 1, 9)
    compiled = jax.jit(lambda schedule: jax.vmap(lambda p: jnp.asarray(schedule.factor(p), float))(progress))
    np.testing.assert_allclose(compiled(Warmup(0.0, then)), at(then, *progress), atol=1e-6)
    np.testing.assert_allclose(at(Warmup(0.0, then), 0.0, 0.5, 1.0), at(then, 0.0, 0.5, 1.0), atol=1e-6)


def test_the_other_schedule_may_be_given_by_name():
    assert Warmup(then="cosine") == Warmup(then=Cosine())
