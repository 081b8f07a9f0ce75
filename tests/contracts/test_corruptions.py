"""What every corruption must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, fields_of, part_name
from isthmus.corruptions import AbstractCorruption

CORRUPTIONS = list(choices(AbstractCorruption).values())


def rows(shape=(8, 5)):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), float)


@pytest.mark.parametrize("part", CORRUPTIONS, ids=part_name)
class TestEveryCorruption:
    @pytest.mark.parametrize("shape", [(8, 5), (8, 4, 3, 2)], ids=str)
    def test_keeps_shape_and_type(self, part, shape):
        damaged = part()(rows(shape), key=jax.random.key(1))
        assert damaged.shape == shape
        assert damaged.dtype == jnp.float32

    def test_draws_by_its_key_alone(self, part):
        damaged = part()(rows(), key=jax.random.key(1))
        np.testing.assert_array_equal(part()(rows(), key=jax.random.key(1)), damaged)
        assert not np.array_equal(part()(rows(), key=jax.random.key(2)), damaged)

    def test_rows_and_features_are_damaged_independently(self, part):
        damage = np.asarray(part()(jnp.ones((4000, 2)), key=jax.random.key(3)))
        noise = np.column_stack([damage[:-1], damage[1:]])
        correlation = np.corrcoef(noise.T) - np.eye(4)
        assert np.max(np.abs(correlation)) < 5 / np.sqrt(4000)

    def test_damage_of_strength_zero_is_none(self, part):
        harmless = jax.tree.map(lambda leaf: 0.0 * leaf, part())
        np.testing.assert_array_equal(harmless(rows(), key=jax.random.key(1)), rows())

    def test_no_float_is_inert(self, part):
        leaves, treedef = jax.tree.flatten(part())
        assert len(leaves) == sum(field.traced for field in fields_of(part)) > 0
        damaged = part()(rows(), key=jax.random.key(1))
        for index in range(len(leaves)):
            changed = treedef.unflatten([*leaves[:index], 2.0 * leaves[index], *leaves[index + 1 :]])
            assert not np.allclose(changed(rows(), key=jax.random.key(1)), damaged)

    def test_members_of_a_population_draw_what_they_draw_alone(self, part):
        members = [part(), jax.tree.map(lambda leaf: 0.5 * leaf, part())]
        keys = jax.random.split(jax.random.key(4), 2)
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
        together = jax.jit(jax.vmap(lambda corruption, key: corruption(rows(), key=key)))(stacked, keys)
        alone = [member(rows(), key=key) for member, key in zip(members, keys, strict=True)]
        np.testing.assert_allclose(together, alone, rtol=1e-6)
