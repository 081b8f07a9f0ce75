"""What every regularizer must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._activations import activate
from isthmus._component import choices, fields_of, part_name
from isthmus.architectures import Linear
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts, Weights
from isthmus.regularizers import AbstractProximal, AbstractRegularizer, View

REGULARIZERS = list(choices(AbstractRegularizer).values())
PROXIMALS = list(choices(AbstractProximal).values())
MASK = np.array([1, 1, 0, 1, 1, 0])


def model_weights(seed=0):
    rng = np.random.default_rng(seed)

    def array(*shape):
        return jnp.asarray(rng.normal(size=shape), float)

    encoder = [{"kernel": array(4, 3), "bias": array(3), "gain": array(3)}, {"kernel": array(3, 2), "bias": array(2)}]
    decoder = [{"kernel": array(2, 2, 3, 4), "bias": array(4)}]
    return Weights(encoder, decoder, bottleneck=array(5, 5), prior=array(2, 2), loss=array(4), regularizers=())


def code_activation(part):
    """The activation of codes that the part asks for, or none."""
    for activation in (None, "sigmoid"):
        try:
            Parts(Linear(), SquaredError(), data_shape=(4,), latent_shape=(2,), regularizers=(part,), code_activation=activation)
        except PartError:
            continue
        return activation or "identity"
    raise AssertionError(f"{part!r} refuses every model")


def data():
    return jnp.asarray(np.random.default_rng(1).normal(size=(6, 4)), float)


def view(part, weights, x=None, mask=None):
    """What a regularizer sees of a small network with these weights."""
    x, (first, second), (last,) = data() if x is None else x, weights.encoder, weights.decoder

    def encode(row):
        inner = first["gain"] * jnp.tanh(row @ first["kernel"] + first["bias"])
        return activate(code_activation(part), inner @ second["kernel"] + second["bias"])

    def decode(code):
        return jnp.tanh(code) @ jnp.sum(last["kernel"], axis=(1, 2)) + last["bias"]

    hidden = jax.vmap(encode)(x)
    return View(x, jnp.ones(len(x)) if mask is None else jnp.asarray(mask, float), hidden, hidden, None, weights, encode, decode)


def penalty(part, weights, x=None, mask=None):
    own = part.init((2,), rng=np.random.default_rng(2))
    return part(own, view(part, weights, x, mask), key=jax.random.key(3))


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

    def test_padding_has_no_influence_on_values_or_gradients(self, part):
        def counted(weights, x):
            return jnp.sum(MASK * penalty(part(), weights, x, MASK)) / np.sum(MASK)

        results = []
        for padding in (0.0, 0.5, 1e4):
            padded = jnp.where(MASK[:, None] == 1, data(), padding)
            results.append(jax.value_and_grad(counted)(model_weights(), padded))
        for other in results[1:]:
            for ours, theirs in zip(jax.tree.leaves(results[0]), jax.tree.leaves(other), strict=True):
                assert jnp.all(jnp.isfinite(theirs))
                np.testing.assert_array_equal(ours, theirs)

    def test_the_order_of_rows_is_the_order_of_values_or_of_no_account(self, part):
        order = np.random.default_rng(6).permutation(6)
        value, turned = penalty(part(), model_weights()), penalty(part(), model_weights(), data()[order])
        np.testing.assert_allclose(turned, value[order] if value.ndim else value, rtol=1e-5)

    def test_a_row_has_its_value_alone_and_a_statistic_that_of_its_rows(self, part):
        value = penalty(part(), model_weights(), mask=MASK)
        alone = penalty(part(), model_weights(), data()[MASK == 1])
        np.testing.assert_allclose(alone, value[MASK == 1] if value.ndim else value, rtol=1e-5)

    def test_members_of_a_population_have_the_values_that_they_have_alone(self, part):
        members, weights = [part(), jax.tree.map(lambda leaf: 0.5 * leaf, part())], [model_weights(), model_weights(5)]
        stacked, together = (jax.tree.map(lambda *leaves: jnp.asarray(leaves), *each) for each in (members, weights))
        values = jax.vmap(penalty)(stacked, together)
        for index in range(2):
            np.testing.assert_allclose(values[index], penalty(members[index], weights[index]), rtol=1e-5)


@pytest.mark.parametrize("part", PROXIMALS, ids=part_name)
class TestEveryProximal:
    def amounts(self, amount):
        return jax.tree.map(lambda w: amount, model_weights())

    def test_an_amount_of_zero_changes_nothing(self, part):
        for zeros in (self.amounts(0.0), jax.tree.map(jnp.zeros_like, model_weights())):
            shrunk = part().shrink(model_weights(), zeros)
            assert jax.tree.structure(shrunk) == jax.tree.structure(model_weights())
            jax.tree.map(np.testing.assert_array_equal, shrunk, model_weights())

    # The amounts of a step differ from weight to weight under Adam: by a factor of 100 and more here.
    @pytest.mark.parametrize("spread", [0.0, 1.5], ids=["one amount", "an amount for each weight"])
    def test_the_result_minimizes_distance_plus_penalty(self, part, spread):
        weights = model_weights()
        amounts = self.amounts(0.4) if spread == 0.0 else jax.tree.map(lambda w: 0.4 * jnp.exp(spread * w), model_weights(7))

        def objective(candidate):
            leaves = zip(*map(jax.tree.leaves, (candidate, weights, amounts)), strict=True)
            distance = sum(jnp.sum(jnp.square(a - b) / amount) for a, b, amount in leaves)
            return float(0.5 * distance + jnp.sum(penalty(part(), candidate)))

        best = part().shrink(weights, amounts)
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

    def test_one_amount_is_that_amount_for_each_weight(self, part):
        few = part().shrink(model_weights(), self.amounts(0.3))
        many = part().shrink(model_weights(), jax.tree.map(lambda w: jnp.full(w.shape, 0.3), model_weights()))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), few, many)

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
