import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.corruptions import RandomErasing
from isthmus.errors import PartError


def erased(shape, low=0.02, high=0.4, seed=0):
    """Where zeros are, without the channels, after it was seen that these are erased together."""
    gone = np.asarray(RandomErasing(low, high)(jnp.ones(shape), key=jax.random.key(seed)) == 0.0)
    if len(shape) > 2:
        assert np.all(gone == gone[..., :1])
        gone = gone[..., 0]
    return gone


@pytest.mark.parametrize("shape", [(300, 40), (300, 40, 3), (300, 12, 9, 2), (300, 6, 5, 7, 1)], ids=str)
def test_a_box_of_all_channels_is_zero_and_all_else_as_it_was(shape):
    gone = erased(shape)
    assert gone.any()
    for row in gone:
        sides = [np.flatnonzero(row.any(axis=tuple(other for other in range(row.ndim) if other != axis))) for axis in range(row.ndim)]
        box = np.zeros_like(row)
        box[tuple(slice(side.min(), side.max() + 1) if side.size else slice(0) for side in sides)] = True
        np.testing.assert_array_equal(row, box)


@pytest.mark.parametrize("shape", [(20_000, 30), (20_000, 7, 5, 1), (20_000, 4, 4, 4, 1)], ids=str)
@pytest.mark.parametrize(("low", "high"), [(0.1, 0.1), (0.02, 0.4), (0.5, 0.9)])
def test_the_mean_share_is_that_of_the_range(shape, low, high):
    shares = erased(shape, low, high).reshape(shape[0], -1).mean(axis=1)
    assert abs(shares.mean() - (low + high) / 2) <= 5 * shares.std() / np.sqrt(shape[0]) + 1e-6


def test_shares_of_large_images_are_uniform_and_boxes_neither_lines_nor_all_alike():
    gone = erased((400, 100, 100, 1), 0.1, 0.3)
    shares = gone.mean(axis=(1, 2))
    assert 0.095 < shares.min() < 0.12
    assert 0.28 < shares.max() < 0.305
    ratios = gone.any(axis=2).sum(axis=1) / gone.any(axis=1).sum(axis=1)
    assert 0.4 < ratios.min() < 0.7
    assert 1.4 < ratios.max() < 2.5


def test_every_place_is_reached_and_the_two_ends_alike():
    share = erased((20_000, 20), 0.2, 0.2).mean(axis=0)
    assert np.all(share > 0.03)
    np.testing.assert_allclose(share, share[::-1], atol=5 * np.sqrt(2 * 0.2 * 0.8 / 20_000))


def test_ends_in_the_wrong_order_are_refused():
    with pytest.raises(PartError, match=r"`random_erasing\.low`=0\.6 lies above `high`=0\.4\. Give the smaller share first"):
        RandomErasing(0.6)
