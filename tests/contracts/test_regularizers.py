"""What every regularizer must do."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._activations import activate
from isthmus._component import choices, fields_of, part_name
from isthmus.architectures import Linear
from isthmus.bottlenecks import Deterministic, Gaussian, Posterior
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts, Weights
from isthmus.priors import BoundPrior, StandardNormal
from isthmus.regularizers import AbstractProximal, AbstractRegularizer, SoftAssignment, View

REGULARIZERS = list(choices(AbstractRegularizer).values())
PROXIMALS = list(choices(AbstractProximal).values())
ADVERSARIES = [part for part in REGULARIZERS if part.is_adversarial]
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
    shapes = {"data_shape": (4,), "latent_shape": (2,)}
    for activation, bottleneck in itertools.product((None, "sigmoid"), (Deterministic(), Gaussian())):
        options = {"prior": StandardNormal(), "bottleneck": bottleneck, "code_activation": activation}
        try:
            Parts(Linear(), SquaredError(), regularizers=(part,), **shapes, **options)
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

    hidden, mask = jax.vmap(encode)(x), jnp.ones(len(x)) if mask is None else jnp.asarray(mask, float)
    prior, posterior = BoundPrior(StandardNormal(), ()), Posterior(hidden, 0.3 * jnp.sin(2.0 * hidden) - 0.5)
    return View(x, mask, hidden, hidden, prior, weights, encode, decode, posterior, jnp.asarray(60.0))


class Origin:
    """A prior whose draws are all the same, in the place of a `BoundPrior`."""

    def sample(self, shape, *, key):
        return jnp.zeros(shape)


def own_weights(part):
    """As they are after some steps: an adversary begins undecided."""
    rng = np.random.default_rng(2)
    return jax.tree.map(lambda w: jnp.asarray(w + 0.3 * rng.normal(size=np.shape(w)), float), part.init((2,), rng=rng))


def penalty(part, weights, x=None, mask=None):
    return part(own_weights(part), view(part, weights, x, mask), key=jax.random.key(3))


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
        assert len(leaves) == sum(np.size(getattr(part(), name)) for name in names)  # several in a field that is a tuple
        for index in range(1, len(leaves)):
            changed = treedef.unflatten([*leaves[:index], 0.5 * leaves[index] + 0.01, *leaves[index + 1 :]])
            # What is no part of the value is the rate at which the penalty's own weights learn.
            moves_value = not np.allclose(penalty(changed, model_weights()), penalty(part(), model_weights()))
            assert moves_value or changed.own_rate != part().own_rate

    def test_depends_on_the_model(self, part):
        assert not np.allclose(penalty(part(), model_weights(0)), penalty(part(), model_weights(5)))

    def test_another_rate_for_its_own_weights_is_for_one_that_has_any(self, part):
        has_weights = bool(jax.tree.leaves(part.init(part(), (2,), rng=np.random.default_rng(0))))
        assert part.is_adversarial <= has_weights
        assert has_weights or part().own_rate == 1.0

    def test_says_whether_it_compares_with_a_prior(self, part):
        def value(prior):
            return part()(own_weights(part()), view(part(), model_weights())._replace(prior=prior), key=jax.random.key(3))

        if not part.needs_prior:
            np.testing.assert_array_equal(value(None), value(BoundPrior(StandardNormal(), ())))
            return
        options = {"data_shape": (4,), "latent_shape": (2,), "bottleneck": Deterministic()}
        with pytest.raises(PartError, match=r"compares codes with draws from a prior\. Pass prior=StandardNormal\(\)"):
            Parts(Linear(), SquaredError(), regularizers=(part(),), **options)

    @pytest.mark.slow
    def test_several_codes_a_row_that_are_one_have_its_value(self, part):
        seen = view(part(), model_weights())._replace(prior=Origin())
        one, three = (
            part()(own_weights(part()), seen._replace(code=code), key=jax.random.key(3)) for code in (seen.code, jnp.stack([seen.code] * 3))
        )
        np.testing.assert_allclose(three, one, rtol=1e-5, atol=3e-7)  # a few roundings of shares of order one

    def test_gradient_agrees_with_finite_differences(self, part):
        if part is SoftAssignment:  # whose target is taken as given; test_soft_assignment.py has its gradient
            return
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
        np.testing.assert_allclose(turned, value[order] if value.ndim else value, rtol=1e-5, atol=1e-6)

    def test_a_row_has_its_value_alone_and_a_statistic_that_of_its_rows(self, part):
        value = penalty(part(), model_weights(), mask=MASK)
        alone = penalty(part(), model_weights(), data()[MASK == 1])
        np.testing.assert_allclose(alone, value[MASK == 1] if value.ndim else value, rtol=1e-5)

    @pytest.mark.slow
    def test_members_of_a_population_have_the_values_that_they_have_alone(self, part):
        members, weights = [part(), jax.tree.map(lambda leaf: 0.5 * leaf, part())], [model_weights(), model_weights(5)]
        stacked, together = (jax.tree.map(lambda *leaves: jnp.asarray(leaves), *each) for each in (members, weights))
        values = jax.vmap(penalty)(stacked, together)
        for index in range(2):
            np.testing.assert_allclose(values[index], penalty(members[index], weights[index]), rtol=1e-5)


@pytest.mark.parametrize("part", ADVERSARIES, ids=part_name)
class TestEveryAdversary:
    def own_slope(self, part, x=None, mask=None, weight=1.0):
        """What the objective's gradient is for the own weights, for rows of four columns."""

        def objective(own):
            values = part(own, view(part, model_weights(), x, mask), key=jax.random.key(3))
            counts = np.ones(6) if mask is None else mask
            return weight * jnp.sum(counts * values) / np.sum(counts) / 4

        return jax.grad(objective)(own_weights(part))

    def test_begins_undecided_and_takes_a_first_step(self, part):
        own = jax.tree.map(jnp.asarray, part().init((2,), rng=np.random.default_rng(0)))
        value, slope = jax.value_and_grad(lambda own: jnp.sum(part()(own, view(part(), model_weights()), key=jax.random.key(3))))(own)
        np.testing.assert_allclose(value, 0.0, atol=1e-6)
        assert any(jnp.any(leaf) for leaf in jax.tree.leaves(slope))

    def test_its_own_gradient_depends_neither_on_the_weight_nor_on_the_columns(self, part):
        slopes = [jax.tree.leaves(self.own_slope(part(weight=weight), weight=weight)) for weight in (1.0, 1e-6, 1e3)]
        wide = jnp.concatenate([data(), jnp.zeros((6, 8))], axis=1)
        seen = view(part(), model_weights())
        options = {"key": jax.random.key(3)}
        broad = jax.grad(lambda own: 1.0 / 12 * jnp.mean(part(weight=1.0)(own, seen._replace(x=wide), **options)))(own_weights(part()))
        for other in (*slopes[1:], jax.tree.leaves(broad)):
            for ours, theirs in zip(slopes[0], other, strict=True):
                np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-7)

    def test_a_weight_of_zero_moves_nobody(self, part):
        slope = self.own_slope(part(weight=0.0), weight=0.0)
        assert all(jnp.all(leaf == 0.0) for leaf in jax.tree.leaves(slope))

    def test_padding_has_no_influence_on_its_own_gradient(self, part):
        slopes = [self.own_slope(part(), jnp.where(MASK[:, None] == 1, data(), padding), MASK) for padding in (0.0, 1e4)]
        jax.tree.map(np.testing.assert_array_equal, *slopes)

    def test_its_rate_is_a_field(self, part):
        assert part(rate=3.0).own_rate == 3.0

    def test_codes_far_away_have_finite_values_and_gradients(self, part):
        def total(own, code):
            seen = view(part(), model_weights())._replace(code=code, hidden=code)
            return jnp.sum(part()(own, seen, key=jax.random.key(3)))

        for size in (1e4, 1e15):
            found = jax.value_and_grad(total, argnums=(0, 1))(own_weights(part()), size * data()[:, :2])
            assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(found))


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
