"""What every regularizer must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, fields_of, part_name
from isthmus.model import Weights
from isthmus.regularizers import AbstractProximal, AbstractRegularizer, View

REGULARIZERS = list(choices(AbstractRegularizer).values())
PROXIMALS = list(choices(AbstractProximal).values())


def model_weights(seed=0):
    rng = np.random.default_rng(seed)

    def array(*shape):
        return jnp.asarray(rng.normal(size=shape), float)

    encoder = [{"kernel": array(4, 3), "bias": array(3), "gain": array(3)}, {"kernel": array(3, 2), "bias": array(2)}]
    decoder = [{"kernel": array(2, 2, 3, 4), "bias": array(4)}]
    return Weights(encoder, decoder, bottleneck=array(5, 5), prior=array(2, 2), loss=array(4), regularizers=())


def view(weights, rows=6):
    rng = np.random.default_rng(1)
    x, hidden = (jnp.asarray(rng.normal(size=(rows, n)), float) for n in (4, 2))
    kernel = jnp.asarray(rng.normal(size=(4, 2)), float)
    return View(x, jnp.ones(len(x)), hidden, hidden, None, weights, lambda row: jnp.tanh(row @ kernel), lambda code: code @ kernel.T)


def penalty(part, weights):
    own = part.init((2,), rng=np.random.default_rng(2))
    return part(own, view(weights), key=jax.random.key(3))


@pytest.mark.parametrize("part", REGULARIZERS, ids=part_name)
class TestEveryRegularizer:
    def test_gives_one_number_or_one_a_row(self, part):
        value = penalty(part(), model_weights())
        assert value.shape in {(), (6,)}
        assert value.dtype == jnp.float32
        assert jnp.all(jnp.isfinite(value))

    def test_its_value_is_unweighted(self, part):
        np.testing.assert_array_equal(penalty(part(weight=3.0), model_weights()), penalty(part(), model_weights()))

    def test_no_float_but_the_weight_is_inert(self, part):
        names = [field.name for field in fields_of(part) if field.traced]
        assert names[0] == "weight"
        leaves, treedef = jax.tree.flatten(part())
        assert len(leaves) == len(names)
        for index in range(1, len(leaves)):
            changed = treedef.unflatten([*leaves[:index], 0.5 * leaves[index] + 0.01, *leaves[index + 1 :]])
            assert not np.allclose(penalty(changed, model_weights()), penalty(part(), model_weights()))

    def test_depends_on_the_model(self, part):
        assert not np.allclose(penalty(part(), model_weights(0)), penalty(part(), model_weights(5)))

    def test_gradient_agrees_with_finite_differences(self, part):
        with jax.enable_x64(True):
            weights, direction = model_weights(), model_weights(4)

            def along(step):
                return jnp.sum(penalty(part(), jax.tree.map(lambda w, d: w + step * d, weights, direction)))

            step = 1e-6
            np.testing.assert_allclose(jax.grad(along)(0.0), (along(step) - along(-step)) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("part", PROXIMALS, ids=part_name)
class TestEveryProximal:
    def amounts(self, amount):
        return jax.tree.map(lambda w: amount, model_weights())

    def test_an_amount_of_zero_changes_nothing(self, part):
        shrunk = part().shrink(model_weights(), self.amounts(0.0))
        assert jax.tree.structure(shrunk) == jax.tree.structure(model_weights())
        jax.tree.map(np.testing.assert_array_equal, shrunk, model_weights())

    def test_the_result_minimizes_distance_plus_penalty(self, part):
        weights, amount = model_weights(), 0.4

        def objective(candidate):
            distance = sum(jnp.sum(jnp.square(a - b)) for a, b in zip(jax.tree.leaves(candidate), jax.tree.leaves(weights), strict=True))
            return float(0.5 * distance + amount * jnp.sum(penalty(part(), candidate)))

        best = part().shrink(weights, self.amounts(amount))
        assert objective(best) < objective(weights)
        for seed in range(20):
            for size in (1e-2, 0.3):
                near = jax.tree.map(lambda w, d, size=size: w + size * d, best, model_weights(100 + seed))
                assert objective(near) > objective(best)

    def test_an_infinite_amount_leaves_zeros_and_other_arrays_as_they_were(self, part):
        shrunk = part().shrink(model_weights(), self.amounts(jnp.inf))
        assert float(jnp.sum(jnp.abs(penalty(part(), shrunk)))) == 0.0
        for field in ("bottleneck", "prior", "loss", "regularizers"):
            jax.tree.map(np.testing.assert_array_equal, getattr(shrunk, field), getattr(model_weights(), field))

    def test_an_amount_for_each_weight_is_applied_to_that_weight(self, part):
        few, many = (part().shrink(model_weights(), self.amounts(amount)) for amount in (0.1, 0.8))
        choose = jax.tree.map(lambda w: w > 0, model_weights(7))
        mixed = part().shrink(model_weights(), jax.tree.map(lambda mask: jnp.where(mask, 0.1, 0.8), choose))
        jax.tree.map(np.testing.assert_array_equal, mixed, jax.tree.map(jnp.where, choose, few, many))

    def test_no_weight_changes_sign_or_grows(self, part):
        shrunk = part().shrink(model_weights(), self.amounts(0.5))
        for before, after in zip(jax.tree.leaves(model_weights()), jax.tree.leaves(shrunk), strict=True):
            assert jnp.all(jnp.abs(after) <= jnp.abs(before))
            assert jnp.all(after * before >= 0)

    def test_a_weight_that_is_not_a_number_stays_visible(self, part):
        weights = jax.tree.map(lambda w: w * jnp.nan, model_weights())
        shrunk = part().shrink(weights, self.amounts(0.5))
        assert all(jnp.all(jnp.isnan(w)) for w in jax.tree.leaves(shrunk))

    def test_another_amount_compiles_nothing(self, part):
        traces = []

        @jax.jit
        def shrink(part, weights, amounts):
            traces.append(part)
            return part.shrink(weights, amounts)

        for amount in (0.1, 0.7):
            shrink(part(), model_weights(), self.amounts(amount))
        assert len(traces) == 1
