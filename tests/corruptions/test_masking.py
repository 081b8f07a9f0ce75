import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.corruptions import Masking
from isthmus.errors import PartError


def test_values_are_kept_as_they_are_or_become_zero():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(50, 40)), float)
    masked = Masking(0.4)(x, key=jax.random.key(0))
    assert jnp.all((masked == x) | (masked == 0))
    assert jnp.any(masked == x)
    assert jnp.any(masked == 0)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_the_number_of_zeros_is_binomial(share):
    zeros = np.asarray(jnp.sum(Masking(share)(jnp.ones((5000, 20)), key=jax.random.key(1)) == 0, axis=1))
    variance = 20 * share * (1 - share)
    assert abs(zeros.mean() - 20 * share) < 5 * np.sqrt(variance / 5000)
    assert abs(zeros.var() / variance - 1) < 5 * np.sqrt(2.5 / 5000)


def test_masks_grow_with_the_share():
    x = jnp.ones((30, 30))
    few, many = (Masking(share)(x, key=jax.random.key(2)) for share in (0.2, 0.6))
    assert jnp.all(many <= few)


def test_a_share_of_one_would_leave_nothing():
    with pytest.raises(PartError, match=r"`masking\.share` must be in \[0, 1\); got 1\."):
        Masking(1)
