"""What every loss must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, fields_of, part_name
from isthmus.losses import AbstractLoss

LOSSES = list(choices(AbstractLoss).values())
SHAPES = [(3,), (2, 2, 3)]


def batch(loss, shape, rows=6, seed=0):
    """Outputs and data of a batch; data lie in [0, 1], which every loss takes."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(rows, *loss.output_shape(shape)), scale=3.0)
    return jnp.asarray(outputs, float), jnp.asarray(rng.uniform(size=(rows, *shape)), float)


def weights_of(loss, shape):
    return loss.init(shape, rng=np.random.default_rng(1))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("part", LOSSES, ids=part_name)
class TestEveryLoss:
    def test_gives_one_number_a_row(self, part, shape):
        outputs, x = batch(part(), shape)
        cost = part()(weights_of(part(), shape), outputs, x)
        assert cost.shape == (6,)
        assert cost.dtype == x.dtype

    def test_a_row_costs_the_same_in_any_company(self, part, shape):
        outputs, x = batch(part(), shape)
        weights = weights_of(part(), shape)
        cost = part()(weights, outputs, x)
        tiled = part()(weights, jnp.concatenate([outputs] * 3), jnp.concatenate([x] * 3))
        order = np.random.default_rng(2).permutation(6)
        np.testing.assert_allclose(tiled, np.tile(cost, 3), rtol=1e-6)
        np.testing.assert_allclose(part()(weights, outputs[order], x[order]), cost[order], rtol=1e-6)

    def test_gradient_agrees_with_finite_differences(self, part, shape):
        with jax.enable_x64(True):
            loss, weights = part(), weights_of(part(), shape)
            outputs, x = batch(loss, shape)
            direction = jnp.asarray(np.random.default_rng(3).normal(size=outputs.shape))

            def along(step):
                return jnp.sum(loss(weights, outputs + step * direction, x))

            step = 1e-6
            difference = (along(step) - along(-step)) / (2 * step)
            np.testing.assert_allclose(jax.grad(along)(0.0), difference, rtol=1e-6)

    def test_the_mean_of_its_start_is_the_mean(self, part, shape):
        mean = np.random.default_rng(4).uniform(0.01, 0.99, size=shape)
        start = part().start(mean)
        assert start.shape == part().output_shape(shape)
        np.testing.assert_allclose(part().mean(jnp.asarray(start)[None])[0], mean, rtol=1e-5)

    def test_a_constant_feature_starts_at_finite_outputs(self, part, shape):
        for value in (0.0, 1.0):
            start = part().start(np.full(shape, value))
            assert np.all(np.isfinite(start))
            np.testing.assert_allclose(part().mean(jnp.asarray(start)[None])[0], value, atol=1e-5)

    def test_its_link_makes_data_of_raw_outputs(self, part, shape):
        outputs, _ = batch(part(), shape)
        np.testing.assert_allclose(getattr(jax.nn, part().link)(outputs), part().mean(outputs), rtol=1e-6)

    def test_reconstructions_stay_in_the_data_range(self, part, shape):
        outputs, _ = batch(part(), shape)
        mean = part().mean(100.0 * outputs)
        assert mean.shape == (6, *shape)
        inside = bool(jnp.all((mean >= 0) & (mean <= 1)))
        assert inside == part().unit_interval

    def test_huge_outputs_cost_a_finite_amount_and_pull_back(self, part, shape):
        outputs, x = batch(part(), shape)
        huge = jnp.full_like(outputs, 1e4)
        cost, slope = jax.value_and_grad(lambda outputs: jnp.sum(part()(weights_of(part(), shape), outputs, x)))(huge)
        assert jnp.isfinite(cost)
        assert jnp.all(jnp.isfinite(slope))
        assert jnp.all(slope > 0)

    def test_scaling_by_one_changes_nothing(self, part, shape):
        outputs, x = batch(part(), shape)
        weights = weights_of(part(), shape)
        rescaled = part().rescaled(np.ones(shape))
        assert type(rescaled) is part
        np.testing.assert_allclose(rescaled(weights, outputs, x), part()(weights, outputs, x), rtol=1e-6)


@pytest.mark.parametrize("part", LOSSES, ids=part_name)
def test_no_float_is_inert(part):
    outputs, x = batch(part(), (3,))
    leaves, treedef = jax.tree.flatten(part())
    assert len(leaves) == sum(field.traced for field in fields_of(part))
    cost = part()(weights_of(part(), (3,)), outputs, x)
    for index in range(len(leaves)):
        changed = treedef.unflatten([*leaves[:index], 0.5 * leaves[index], *leaves[index + 1 :]])
        assert not np.allclose(changed(weights_of(part(), (3,)), outputs, x), cost, rtol=1e-3)


@pytest.mark.parametrize("part", LOSSES, ids=part_name)
def test_members_of_a_population_cost_what_they_cost_alone(part):
    outputs, x = batch(part(), (3,))
    weights = weights_of(part(), (3,))
    members = [part(), jax.tree.map(lambda leaf: 0.3 * leaf, part())]
    stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
    together = jax.jit(jax.vmap(lambda loss: loss(weights, outputs, x), axis_size=2))(stacked)
    np.testing.assert_allclose(together, [member(weights, outputs, x) for member in members], rtol=1e-6)
