"""What every optimizer must do."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus._component import choices, fields_of, part_name
from isthmus.errors import PartError
from isthmus.optimizers import AbstractOptimizer, Cosine, Exponential

OPTIMIZERS = list(choices(AbstractOptimizer).values())
WITH_STEP_SIZES = [part for part in OPTIMIZERS if part.has_step_sizes()]
SHARED = {field.name for field in fields_of(AbstractOptimizer)}  # read by the trainer, and tested with it

CURVATURE = jnp.asarray([1.0, 0.3, 2.0])
TARGET = jnp.asarray([1.0, -2.0, 0.05])


def objective(w):
    """A bowl with its minimum at `TARGET`."""
    return 0.5 * jnp.sum(CURVATURE * jnp.square(w["kernel"] - TARGET)) + 0.5 * jnp.sum(jnp.square(w["bias"] - 1.0))


def beginning():
    return {"kernel": jnp.full((1, 3), 0.5), "bias": jnp.zeros(2)}


def stepped(built, gradient, state, weights, value_fn=objective):
    """What the trainer does: the transformation is handed the value, the gradient and the function as well."""
    return built.update(gradient, state, weights, value=value_fn(weights), grad=gradient, value_fn=value_fn)


@jax.jit
def trained(optimizer, weights, rate, steps=12):
    """The weights after some steps at one rate, and the optimizer's state."""
    state = optimizer.build(rate).init(weights)

    def step(_, carry):
        weights, state = carry
        updates, state = stepped(optimizer.build(rate), jax.grad(objective)(weights), state, weights)
        return optax.apply_updates(weights, updates), state

    return jax.lax.fori_loop(0, steps, step, (weights, state))


def state_bytes(tree):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def test_every_optimizer_is_tested():
    assert {"gradient_descent", "sgd", "adam", "adamw", "lbfgs", "muon", "schedule_free_adamw"} <= set(choices(AbstractOptimizer))
    assert {"adam", "sgd", "adagrad", "rmsprop"} <= {part_name(part) for part in WITH_STEP_SIZES} < set(choices(AbstractOptimizer))


@pytest.mark.parametrize("part", OPTIMIZERS, ids=part_name)
class TestEveryOptimizer:
    def test_lowers_the_objective(self, part):
        optimizer = part()
        weights, _ = trained(optimizer, beginning(), optimizer.learning_rate)
        assert objective(weights) < objective(beginning())

    def test_its_state_has_one_form_at_every_rate(self, part):
        few, many = (part().build(rate).init(beginning()) for rate in (1e-3, 1.0))
        assert jax.tree.structure(few) == jax.tree.structure(many)
        jax.tree.map(np.testing.assert_array_equal, few, many)
        _, updated = stepped(part().build(0.1), jax.grad(objective)(beginning()), few, beginning())
        assert jax.tree.structure(updated) == jax.tree.structure(few)
        assert [leaf.dtype for leaf in jax.tree.leaves(updated)] == [leaf.dtype for leaf in jax.tree.leaves(few)]

    def test_takes_value_and_gradient_and_value_function(self, part):
        arguments = {"value": objective(beginning()), "grad": beginning(), "value_fn": objective}
        optimizer = part().build(0.1)
        updates, _ = optimizer.update(beginning(), optimizer.init(beginning()), beginning(), **arguments)
        assert jax.tree.structure(updates) == jax.tree.structure(beginning())

    def test_a_rate_of_zero_moves_nothing(self, part):
        weights, _ = trained(part(), beginning(), 0.0)
        jax.tree.map(np.testing.assert_array_equal, weights, beginning())

    def test_another_rate_or_moment_compiles_nothing(self, part):
        traces = []

        @jax.jit
        def step(optimizer, rate):
            traces.append(optimizer)
            built = optimizer.build(rate)
            return stepped(built, beginning(), built.init(beginning()), beginning())

        step(part(), 0.1)
        step(jax.tree.map(lambda leaf: 0.9 * leaf, part()), 0.2)
        assert len(traces) == 1

    def test_no_float_of_its_own_is_inert(self, part):
        names = [field.name for field in fields_of(part) if field.traced and field.name not in SHARED]
        rate = max(0.1, part().learning_rate)  # 1 for those that find their rate, which takes a while
        weights, _ = trained(part(), beginning(), rate, 40)
        for name in names:
            changed = jax.tree_util.tree_map_with_path(
                lambda path, leaf, name=name: 0.4 * leaf + 0.2 if path[-1].name == name else leaf, part()
            )
            other, _ = trained(changed, beginning(), rate, 40)
            pairs = zip(jax.tree.leaves(other), jax.tree.leaves(weights), strict=True)
            assert not all(np.allclose(a, b, rtol=1e-5) for a, b in pairs), name

    @pytest.mark.slow
    def test_members_of_a_population_train_as_they_train_alone(self, part):
        members = [part(), jax.tree.map(lambda leaf: 0.5 * leaf, part())]
        rates = jnp.asarray([0.1, 0.02])
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
        together, _ = jax.vmap(trained, in_axes=(0, None, 0))(stacked, beginning(), rates)
        for index, member in enumerate(members):
            alone, _ = trained(member, beginning(), rates[index])
            jax.tree.map(lambda a, b, index=index: np.testing.assert_allclose(a[index], b, rtol=1e-5), together, alone)

    def test_the_weights_to_evaluate_lead_back_to_those_of_the_training(self, part):
        weights, state = trained(part(), beginning(), part().learning_rate)
        kept = part().evaluation_weights(state, weights)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), part().training_weights(state, kept), weights)

    def test_before_the_first_step_the_weights_to_evaluate_are_those_of_the_training(self, part):
        state = part().build(0.1).init(beginning())
        jax.tree.map(np.testing.assert_allclose, part().evaluation_weights(state, beginning()), beginning())

    def test_keeps_as_much_as_it_says(self, part):
        weights = {"encoder": jnp.ones((96, 64)), "decoder": jnp.ones((64, 96))}
        state = part().build(0.1).init(weights)
        few = 30 * 4  # counts and sums
        assert 0 <= state_bytes(state) - part().state_per_weight * state_bytes(weights) <= few

    def test_its_docstring_says_how_much_it_keeps(self, part):
        text = " ".join(part.__doc__.split())
        words = {"one": 1, "two": 2, "three": 3, "four": 4}
        stated = re.search(r"(\w+|`[^`]+`) extra numbers? (?:is|are) kept for each", text)
        if stated is None:
            assert "Nothing is stored beside the weights" in text
            assert part().state_per_weight == 0
        else:
            number = stated[1].strip("`").lower()
            fields = {field.name: getattr(part(), field.name) for field in fields_of(part)}
            assert (words[number] if number in words else eval(number, {}, fields)) == part().state_per_weight

    def test_without_a_gradient_stays_where_it_is(self, part):
        def flat(weights):
            return 0.0 * sum(jnp.sum(leaf) for leaf in jax.tree.leaves(weights))

        optimizer, nothing = part().build(0.1), jax.tree.map(jnp.zeros_like, beginning())
        state = optimizer.init(nothing)
        for _ in range(2):
            updates, state = stepped(optimizer, nothing, state, nothing, flat)
            jax.tree.map(np.testing.assert_array_equal, updates, nothing)

    def test_shared_fields_are_named_and_checked(self, part):
        optimizer = part(schedule="cosine", clip_norm=1, frozen=["encoder"])
        assert optimizer.schedule == Cosine()
        assert optimizer.clip_norm == 1.0
        assert optimizer.frozen == ("encoder",)
        with pytest.raises(PartError, match=r"Unknown `\w+\.frozen` 'bottleneck'\. Choose one of: encoder, decoder\."):
            part(frozen=("bottleneck",))
        with pytest.raises(PartError, match=r"Unknown `\w+\.schedule`: 'sine'\. Choose one of: constant, cosine,"):
            part(schedule="sine")
        with pytest.raises(TypeError, match="positional"):
            part(*[0.1] * 9)


@pytest.mark.parametrize("part", WITH_STEP_SIZES, ids=part_name)
class TestEveryOptimizerWithStepSizes:
    def test_step_sizes_are_the_steps_that_a_lasting_gradient_causes(self, part):
        # Biases, for they do not decay.
        gradient = jnp.asarray([1e-3, -4.0, 0.2])
        optimizer, rate = part(), 0.01
        built = optimizer.build(rate)

        def step(carry, _):
            weights, state = carry
            updates, state = built.update({"bias": gradient}, state, weights)
            return (optax.apply_updates(weights, updates), state), updates["bias"]

        weights = {"bias": jnp.zeros(3)}
        (weights, state), steps = jax.lax.scan(step, (weights, built.init(weights)), length=400)
        sizes = jnp.broadcast_to(optimizer.step_sizes(state, weights, rate)["bias"], (3,))
        np.testing.assert_allclose(steps[-1], -sizes * gradient, rtol=1e-4)

    def test_step_sizes_are_finite_before_the_first_step(self, part):
        built = part().build(0.1)
        sizes = part().step_sizes(built.init(beginning()), beginning(), 0.1)
        assert jax.tree.structure(sizes) == jax.tree.structure(beginning())
        assert all(jnp.all(jnp.isfinite(size)) for size in jax.tree.leaves(sizes))

    def test_with_its_step_sizes_soft_thresholds_end_at_the_penalized_minimum(self, part):
        # minimize h (w - c)^2 / 2 + penalty |w|, whose solution is c moved towards zero by penalty / h.
        penalty, steps = 0.2, 3000
        optimizer, slowing = part(), Exponential(1e-3)

        def step(carry, index):
            weights, state = carry
            rate = max(0.4, optimizer.learning_rate) * slowing.factor(index / steps)
            built = optimizer.build(rate)
            gradient = {"bias": CURVATURE * (weights["bias"] - TARGET)}
            updates, state = built.update(gradient, state, weights)
            amount = penalty * jnp.asarray(optimizer.step_sizes(state, weights, rate)["bias"])
            moved = optax.apply_updates(weights, updates)["bias"]
            return ({"bias": moved - jnp.clip(moved, -amount, amount)}, state), None

        start = {"bias": jnp.full(3, 0.3)}
        (weights, _), _ = jax.lax.scan(step, (start, optimizer.build(0.1).init(start)), jnp.arange(steps))
        shift = penalty / np.asarray(CURVATURE)
        expected = np.sign(TARGET) * np.maximum(np.abs(TARGET) - shift, 0.0)
        np.testing.assert_allclose(weights["bias"], expected, atol=2e-3)
        assert weights["bias"][2] == 0.0


@pytest.mark.parametrize("part", [part for part in OPTIMIZERS if part not in WITH_STEP_SIZES], ids=part_name)
def test_without_step_sizes_an_optimizer_says_so(part):
    with pytest.raises(NotImplementedError, match=f"{part.__name__} has no step sizes"):
        part().step_sizes(part().build(0.1).init(beginning()), beginning(), 0.1)
    assert "penalties that have a kink" in " ".join(part.__doc__.split())
