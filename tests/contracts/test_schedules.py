"""What every schedule of the rate must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.optimizers import AbstractSchedule

SCHEDULES = list(choices(AbstractSchedule).values())
PROGRESS = jnp.linspace(0.0, 1.0, 101)


def factors(schedule):
    return jax.vmap(lambda progress: jnp.asarray(schedule.factor(progress), float))(PROGRESS)


@pytest.mark.parametrize("part", SCHEDULES, ids=part_name)
class TestEverySchedule:
    def test_default_factors_lie_between_zero_and_one(self, part):
        assert jnp.all(jnp.isfinite(factors(part())))
        assert jnp.all((factors(part()) >= 0) & (factors(part()) <= 1))

    def test_the_first_step_moves(self, part):
        assert part().factor(0.0) > 0

    def test_gives_the_same_for_numbers_and_for_tracers(self, part):
        compiled = jax.jit(lambda schedule, progress: schedule.factor(progress))
        for progress in (0.0, 0.02, 0.31, 1.0):
            np.testing.assert_allclose(compiled(part(), progress), part().factor(progress), rtol=1e-5, atol=1e-7)

    def test_stays_finite_where_its_floats_are_traced_zeros(self, part):
        zeros = jax.tree.map(jnp.zeros_like, part())
        assert jnp.all(jnp.isfinite(jax.jit(factors)(zeros)))

    def test_no_float_is_inert(self, part):
        leaves, treedef = jax.tree.flatten(part())
        for index in range(len(leaves)):
            changed = treedef.unflatten([*leaves[:index], 0.5 * leaves[index] + 0.2, *leaves[index + 1 :]])
            assert not np.allclose(factors(changed), factors(part()), rtol=1e-3)

    def test_changes_gradually(self, part):
        assert jnp.max(jnp.abs(jnp.diff(factors(part())))) < 0.25

    def test_members_of_a_population_follow_what_they_follow_alone(self, part):
        members = [part(), jax.tree.map(lambda leaf: 0.5 * leaf + 0.1, part())]
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
        together = jax.jit(jax.vmap(factors, axis_size=2))(stacked)
        np.testing.assert_allclose(together, [factors(member) for member in members], rtol=1e-5, atol=1e-7)
