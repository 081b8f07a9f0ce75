"""What every corruption must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, fields_of, part_name
from isthmus.corruptions import AbstractCorruption, GaussianRange, RandomErasing
from isthmus.errors import DataError

CORRUPTIONS = list(choices(AbstractCorruption).values())

# Parts that draw once for a row what several of its values share: a level, a box.
SHARED_IN_A_ROW = (GaussianRange, RandomErasing)


def rows(part, shape=(8, 5)):
    """Rows of any sign, or of none where the part refuses those."""
    x = np.random.default_rng(0).normal(size=shape)
    try:
        part().check_rows(x)
    except DataError:
        x = np.abs(x)
        part().check_rows(x)
    return jnp.asarray(x, float)


def correlations(part, n_rows=4000, n_features=6):
    """Of the damage, and of its size, between the features of a row and of that row and the next one."""
    x = rows(part, (n_rows, n_features))
    damage = np.asarray(part()(x, key=jax.random.key(3)) - x)
    for measured in (damage, np.abs(damage)):
        whole = np.corrcoef(np.column_stack([measured[:-1], measured[1:]]).T)
        yield whole[:n_features, :n_features], whole[:n_features, n_features:]


@pytest.mark.parametrize("part", CORRUPTIONS, ids=part_name)
class TestEveryCorruption:
    @pytest.mark.parametrize("shape", [(8, 5), (8, 4, 3, 2)], ids=str)
    def test_keeps_shape_and_type(self, part, shape):
        damaged = part()(rows(part, shape), key=jax.random.key(1))
        assert damaged.shape == shape
        assert damaged.dtype == jnp.float32
        assert jnp.all(jnp.isfinite(damaged))

    def test_draws_by_its_key_alone(self, part):
        damaged = part()(rows(part), key=jax.random.key(1))
        np.testing.assert_array_equal(part()(rows(part), key=jax.random.key(1)), damaged)
        assert not np.array_equal(part()(rows(part), key=jax.random.key(2)), damaged)

    def test_rows_are_damaged_independently(self, part):
        for _, between in correlations(part):
            assert np.max(np.abs(between)) < 5 / np.sqrt(4000)

    def test_features_are_damaged_independently_or_share_their_rows_draw(self, part):
        (of_damage, _), (of_size, _) = correlations(part)
        neighbors = np.diag(of_size, 1)
        if part in SHARED_IN_A_ROW:
            assert np.mean(neighbors) > 0.1
        else:
            assert np.max(np.abs([of_damage - np.eye(6), of_size - np.eye(6)])) < 5 / np.sqrt(4000)

    def test_damage_of_strength_zero_is_none(self, part):
        harmless = jax.tree.map(lambda leaf: 0.0 * leaf, part())
        np.testing.assert_array_equal(harmless(rows(part), key=jax.random.key(1)), rows(part))

    def test_no_float_is_inert(self, part):
        leaves, treedef = jax.tree.flatten(part())
        assert len(leaves) == sum(field.traced for field in fields_of(part)) > 0
        x = rows(part, (200, 5))
        damaged = part()(x, key=jax.random.key(1))
        for index in range(len(leaves)):
            changed = treedef.unflatten([*leaves[:index], 2.0 * leaves[index], *leaves[index + 1 :]])
            assert not np.allclose(changed(x, key=jax.random.key(1)), damaged)

    def test_padding_enters_no_other_row(self, part):
        x, mask = rows(part, (64, 5)), jnp.asarray(np.arange(64) % 3 > 0, float)
        damaged = part()(x, mask=mask, key=jax.random.key(1))
        for padding in (0.0, -1e4, 1e4):
            padded = jnp.where(mask[:, None] > 0, x, padding)
            again = part()(padded, mask=mask, key=jax.random.key(1))
            assert jnp.all(jnp.isfinite(again))
            np.testing.assert_array_equal(again[mask > 0], damaged[mask > 0])

    def test_without_a_mask_every_row_counts(self, part):
        x = rows(part, (64, 5))
        np.testing.assert_array_equal(part()(x, mask=jnp.ones(64), key=jax.random.key(1)), part()(x, key=jax.random.key(1)))

    def test_a_batch_of_padding_is_damaged_to_something_finite(self, part):
        assert jnp.all(jnp.isfinite(part()(rows(part), mask=jnp.zeros(8), key=jax.random.key(1))))

    def test_says_what_is_scored_by_the_same_key_or_that_all_is(self, part):
        x = rows(part)
        scored = part().scored(x, key=jax.random.key(1))
        if scored is not None:
            assert scored.shape == x.shape
            assert set(np.unique(scored)) == {0.0, 1.0}
            changed = part()(x, key=jax.random.key(1)) != x
            np.testing.assert_array_equal(scored, changed)
            assert not np.array_equal(part().scored(x, key=jax.random.key(2)), scored)

    def test_members_of_a_population_draw_what_they_draw_alone(self, part):
        members = [part(), jax.tree.map(lambda leaf: 0.5 * leaf, part())]
        keys = jax.random.split(jax.random.key(4), 2)
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
        x = rows(part)
        together = jax.jit(jax.vmap(lambda corruption, key: corruption(x, key=key)))(stacked, keys)
        alone = [member(x, key=key) for member, key in zip(members, keys, strict=True)]
        np.testing.assert_allclose(together, alone, rtol=1e-6, atol=1e-6)
