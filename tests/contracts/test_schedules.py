"""What every schedule of the rate must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.optimizers import AbstractSchedule, Warmup

SCHEDULES = list(choices(AbstractSchedule).values())
PROGRESS = jnp.linspace(0.0, 1.0, 101)
WAITED = jnp.arange(41.0)


def factors(schedule):
    return jax.vmap(lambda progress: jnp.asarray(schedule.factor(progress), float))(PROGRESS)


def scales(schedule):
    """What the rate is multiplied by besides, while one epoch after another brings no improvement."""

    def waiting(scale, waited):
        scale = jnp.asarray(schedule.plateau(scale, waited), float)
        return scale, scale

    return jax.lax.scan(waiting, jnp.float32(1.0), WAITED)[1]


def effects(schedule):
    return jnp.concatenate([factors(schedule), scales(schedule)])


@pytest.mark.parametrize("part", SCHEDULES, ids=part_name)
class TestEverySchedule:
    def test_default_factors_lie_between_zero_and_one(self, part):
        assert jnp.all(jnp.isfinite(effects(part())))
        assert jnp.all((effects(part()) >= 0) & (effects(part()) <= 1))

    def test_the_first_step_moves(self, part):
        assert part().factor(0.0) > 0

    def test_gives_the_same_for_numbers_and_for_tracers(self, part):
        compiled = jax.jit(lambda schedule, progress, waited: (schedule.factor(progress), schedule.plateau(0.5, waited)))
        for progress, waited in ((0.0, 0.0), (0.02, 1.0), (0.31, 5.0), (1.0, 10.0)):
            expected = part().factor(progress), part().plateau(0.5, waited)
            np.testing.assert_allclose(compiled(part(), progress, waited), expected, rtol=1e-5, atol=1e-7)

    def test_stays_finite_where_its_floats_are_traced_zeros(self, part):
        zeros = jax.tree.map(jnp.zeros_like, part())
        assert jnp.all(jnp.isfinite(jax.jit(effects)(zeros)))

    def test_no_float_is_inert(self, part):
        leaves, treedef = jax.tree.flatten(part())
        for index in range(len(leaves)):
            changed = treedef.unflatten([*leaves[:index], 0.5 * leaves[index] + 0.2, *leaves[index + 1 :]])
            assert not np.allclose(effects(changed), effects(part()), rtol=1e-3)

    def test_falls_gradually_and_leaps_to_nothing_but_the_full_rate(self, part):
        found = factors(part())
        changes = jnp.diff(found)
        assert jnp.min(changes) > -0.25
        assert jnp.all(found[1:][changes > 0.25] > 0.9)

    def test_waiting_lowers_the_rate_or_leaves_it(self, part):
        found = scales(part())
        assert found[0] == 1.0  # an epoch that has just brought an improvement
        assert jnp.all(jnp.diff(found) <= 0)
        assert found[-1] > 0

    def test_a_rate_that_a_rollback_has_lowered_is_not_raised(self, part):
        for scale in (1e-3, 1e-30):
            assert all(part().plateau(scale, waited) <= scale for waited in WAITED.tolist())

    def test_a_schedule_around_it_passes_its_plateaus_on(self, part):
        np.testing.assert_array_equal(scales(Warmup(then=part())), scales(part()))

    def test_members_of_a_population_follow_what_they_follow_alone(self, part):
        members = [part(), jax.tree.map(lambda leaf: 0.5 * leaf + 0.1, part())]
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
        together = jax.jit(jax.vmap(effects, axis_size=2))(stacked)
        np.testing.assert_allclose(together, [effects(member) for member in members], rtol=1e-5, atol=1e-7)
