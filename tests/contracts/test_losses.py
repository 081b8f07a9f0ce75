"""What every loss must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._activations import ACTIVATIONS, activate
from isthmus._component import choices, part_name
from isthmus.architectures import Linear
from isthmus.errors import DataError, PartError
from isthmus.losses import AbstractLoss
from isthmus.model import Parts
from losses.examples import LOSSES, N_ROWS, N_SHAPES, accepted, batch, constant_rows, cost_of, rows_for, weights_of

# How near to a constant of 0 or 1 a loss begins whose cost there has no lower bound, so that no output is the best one.
NEAREST = {"continuous_bernoulli": 0.0101}


def name_of(value):
    return part_name(type(value)) if isinstance(value, AbstractLoss) else "x".join(map(str, value))


CASES = [(loss, shape) for loss in LOSSES for shape in accepted(loss)]
FIRST_CASES = [(loss, accepted(loss)[0]) for loss in LOSSES]


def far_away(loss, shape):
    """Data, the raw outputs that give them back, and a direction: up and down by turns, so that a softmax has something to pull at."""
    _, x = batch(loss, shape)
    best = jnp.asarray(loss.start(np.asarray(x)), float)
    return x, best, jnp.broadcast_to(1.0 - 2.0 * (jnp.arange(best.shape[-1]) % 2), best.shape)


def test_every_loss_is_tried_with_its_defaults_and_on_several_shapes():
    assert {type(loss) for loss in LOSSES if loss == type(loss)()} == set(choices(AbstractLoss).values())
    assert all(len(accepted(loss)) == N_SHAPES for loss in LOSSES)


@pytest.mark.parametrize(("loss", "shape"), CASES, ids=name_of)
class TestEveryLoss:
    def test_gives_one_number_a_row(self, loss, shape):
        outputs, x = batch(loss, shape)
        cost = cost_of(loss, weights_of(loss, shape), outputs, x)
        assert cost.shape == (N_ROWS,)
        assert cost.dtype == x.dtype

    def test_a_row_costs_the_same_in_any_company(self, loss, shape):
        outputs, x = batch(loss, shape)
        weights = weights_of(loss, shape)
        cost = cost_of(loss, weights, outputs, x)
        tiled = cost_of(loss, weights, jnp.concatenate([outputs] * 3), jnp.concatenate([x] * 3))
        order = np.random.default_rng(2).permutation(N_ROWS)
        # Products over large images round otherwise in a batch of another size.
        np.testing.assert_allclose(tiled, np.tile(cost, 3), rtol=1e-4)
        np.testing.assert_allclose(cost_of(loss, weights, outputs[order], x[order]), cost[order], rtol=1e-4)

    def test_gradient_agrees_with_finite_differences(self, loss, shape):
        with jax.enable_x64(True):
            rng = np.random.default_rng(3)
            weights = jax.tree.map(lambda w: jnp.asarray(w, float), weights_of(loss, shape))
            outputs, x = batch(loss, shape)
            direction = jnp.asarray(rng.normal(size=outputs.shape))
            of_weights = jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape)), weights)

            @jax.jit
            def along(step):
                moved = jax.tree.map(lambda w, d: w + step * d, weights, of_weights)
                return jnp.sum(loss(moved, outputs + step * direction, x))

            step = 1e-7
            difference = (along(step) - along(-step)) / (2 * step)
            rounding = np.finfo(float).eps * abs(along(0.0)) / step
            np.testing.assert_allclose(jax.grad(along)(0.0), difference, rtol=1e-6, atol=4 * rounding)

    def test_the_mean_of_its_start_is_the_mean(self, loss, shape):
        mean = rows_for(loss, shape)[0]
        start = loss.start(mean)
        assert start.shape == loss.output_shape(shape)
        np.testing.assert_allclose(loss.mean(jnp.asarray(start)[None])[0], mean, rtol=1e-5)

    def test_a_constant_feature_starts_at_finite_outputs(self, loss, shape):
        allowed = constant_rows(loss, shape)
        assert allowed
        for rows in allowed:
            start = loss.start(rows[0])
            assert np.all(np.isfinite(start))
            np.testing.assert_allclose(loss.mean(jnp.asarray(start)[None]), rows, atol=NEAREST.get(part_name(type(loss)), 1e-5))

    def test_its_link_makes_data_of_raw_outputs(self, loss, shape):
        outputs, _ = batch(loss, shape)
        if loss.link in ACTIVATIONS:
            np.testing.assert_allclose(activate(loss.link, outputs), loss.mean(outputs), rtol=1e-6)
        if loss.link != "identity":
            with pytest.raises(PartError, match="does not go with the loss"):
                Parts(Linear(), loss, data_shape=shape, latent_shape=(1,), output_activation="tanh")

    def test_reconstructions_stay_in_the_data_range(self, loss, shape):
        outputs = jnp.asarray(np.random.default_rng(7).normal(size=(N_ROWS, *loss.output_shape(shape)), scale=300.0), float)
        mean = loss.mean(outputs)
        assert mean.shape == (N_ROWS, *shape)
        low, high = {"real": (-np.inf, np.inf), "unit_interval": (0.0, 1.0), "nonnegative": (0.0, np.inf)}[loss.domain]
        assert jnp.all((mean >= low) & (mean <= high))
        assert loss.domain != "real" or (jnp.any(mean < 0) and jnp.any(mean > 1))

    def test_rows_outside_its_domain_are_refused(self, loss, shape):
        rows = rows_for(loss, shape)
        loss.check_rows(rows)
        loss.check_rows(rows[:0])
        wrong = {"real": [], "nonnegative": [rows - 2.0, -rows], "unit_interval": [rows - 2.0, rows + 2.0, -rows, 255.0 * rows]}
        for values in wrong[loss.domain]:
            with pytest.raises(DataError, match="is defined for values"):
                loss.check_rows(values)

    def test_one_wrong_value_is_enough(self, loss, shape):
        for value in {"real": [], "nonnegative": [-1.0], "unit_interval": [-0.5, 1.5, 2.0]}[loss.domain]:
            rows = rows_for(loss, shape)
            rows[-1].flat[-1] = value
            with pytest.raises(DataError, match="is defined for values"):
                loss.check_rows(rows)

    def test_huge_outputs_cost_a_finite_amount_and_pull_back(self, loss, shape):
        x, best, away = far_away(loss, shape)
        cost, slope = jax.value_and_grad(lambda outputs: jnp.sum(cost_of(loss, weights_of(loss, shape), outputs, x)))(best + 1e4 * away)
        assert jnp.isfinite(cost)
        assert jnp.all(jnp.isfinite(slope))
        if slope.shape != x.shape:  # of several outputs for a value some have nothing to pull at, but they pull together
            assert loss.is_bounded or jnp.sum(slope * away) > 0
        else:
            assert jnp.all(slope * away >= 0 if loss.is_bounded else slope * away > 0)

    def test_it_says_whether_its_cost_is_bounded(self, loss, shape):
        x, best, away = far_away(loss, shape)
        far, farther = (cost_of(loss, weights_of(loss, shape), best + size * away, x) for size in (1e4, 1e6))
        assert jnp.allclose(far, farther, rtol=1e-5) if loss.is_bounded else jnp.all(farther > 1.1 * far)

    def test_it_says_whether_its_values_cost_what_they_cost_alone(self, loss, shape):
        with jax.enable_x64(True):
            weights, (outputs, x), (others, y) = weights_of(loss, shape), batch(loss, shape), batch(loss, shape, seed=5)
            chosen = np.random.default_rng(6).uniform(size=shape) < 0.5
            chosen.flat[:2] = True, False
            # Where a value has several outputs they come in blocks along the last axis.
            own = np.tile(chosen, (*[1] * (len(shape) - 1), outputs.shape[-1] // shape[-1]))
            mixed = cost_of(loss, weights, jnp.where(own, outputs, others), jnp.where(chosen, x, y))
            rest = cost_of(loss, weights, jnp.where(own, others, outputs), jnp.where(chosen, y, x))
            apart = cost_of(loss, weights, outputs, x) + cost_of(loss, weights, others, y)
            assert np.allclose(mixed + rest, apart, rtol=1e-9) == loss.is_separable

    def test_scaling_by_one_changes_nothing(self, loss, shape):
        outputs, x = batch(loss, shape)
        weights = weights_of(loss, shape)
        rescaled = loss.rescaled(np.ones(shape))
        assert type(rescaled) is type(loss)
        assert jax.tree.structure(rescaled) == jax.tree.structure(loss)
        np.testing.assert_allclose(cost_of(rescaled, weights, outputs, x), cost_of(loss, weights, outputs, x), rtol=1e-6)


@pytest.mark.parametrize(("loss", "shape"), FIRST_CASES, ids=name_of)
def test_no_float_is_inert(loss, shape):
    outputs, x = batch(loss, shape)
    leaves, treedef = jax.tree.flatten(loss)
    cost = cost_of(loss, weights_of(loss, shape), outputs, x)
    for index in range(len(leaves)):
        changed = treedef.unflatten([*leaves[:index], 0.5 * leaves[index], *leaves[index + 1 :]])
        assert not np.allclose(cost_of(changed, weights_of(loss, shape), outputs, x), cost, rtol=1e-3)


@pytest.mark.parametrize(("loss", "shape"), FIRST_CASES, ids=name_of)
def test_members_of_a_population_cost_what_they_cost_alone(loss, shape):
    with jax.enable_x64(True):
        outputs, x = batch(loss, shape)
        weights = jax.tree.map(np.float64, weights_of(loss, shape))
        members = [loss, jax.tree.map(lambda leaf: 0.3 * leaf, loss)]
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
        together = jax.jit(jax.vmap(lambda loss: cost_of(loss, weights, outputs, x), axis_size=2))(stacked)
        np.testing.assert_allclose(together, [cost_of(member, weights, outputs, x) for member in members], rtol=1e-9)
