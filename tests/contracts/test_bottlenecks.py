"""What every bottleneck must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, fields_of, part_name
from isthmus.architectures import Linear
from isthmus.bottlenecks import AbstractBottleneck, BatchTopK, FiniteScalar, Hyperspherical, ResidualQuantized, VectorQuantized
from isthmus.errors import PartError
from isthmus.losses import Normal
from isthmus.model import Model, Objective, Parts
from isthmus.priors import BoundPrior, StandardNormal

BOTTLENECKS = list(choices(AbstractBottleneck).values())
PROBABILISTIC = [part for part in BOTTLENECKS if part.is_probabilistic]
CHARGED = [part for part in BOTTLENECKS if "beta" in [field.name for field in fields_of(part)]]
# Codes whose slope is not that of their values: rounded ones, draws by rejection, and those cut at a threshold of float32, which in float64
# may lie on either side of what it keeps. Their own tests have it.
STEPPED = (BatchTopK, FiniteScalar, Hyperspherical, ResidualQuantized, VectorQuantized)
LATENT = (3,)
ALL = jnp.ones(6)
PRIOR = BoundPrior(StandardNormal(), ())


def hidden_of(part, rows=6, seed=0):
    shape = part().hidden_shape(LATENT)
    return jnp.asarray(np.random.default_rng(seed).normal(size=(rows, *shape)), float)


def made(part):
    return part().init(LATENT, rng=np.random.default_rng(1))


@jax.jit
def effects(part, weights, state, hidden):
    """All that a step makes of a bottleneck: what is reported, charged and kept, and the slope of what is charged and of the code."""

    def charged(weights, hidden):
        latent, after = part(weights, state, hidden, PRIOR, mask=ALL, progress=0.3, key=jax.random.key(0))
        costs = [weight * jnp.sum(latent.terms[name]) for p in (0.005, 0.3) for name, weight in part.term_weights(p).items()]
        return sum(costs, jnp.sum(jnp.sin(1.0 + latent.code))), (latent.code, dict(latent.reports), costs, after)

    return jax.grad(charged, (0, 1), has_aux=True)(weights, hidden)


def far_along(state, seed=3):
    """A state as after many steps: what began at zero has been counted up, what did not has moved."""
    rng = np.random.default_rng(seed)

    def later(leaf):
        counted, factor = rng.uniform(40, 200, np.shape(leaf)), np.exp(rng.uniform(-6, 1, np.shape(leaf)))
        return jnp.where(leaf == 0, counted, leaf * factor)

    return jax.tree.map(later, state)


@pytest.mark.parametrize("part", BOTTLENECKS, ids=part_name)
class TestEveryBottleneck:
    def test_no_float_is_inert(self, part):
        hidden = jnp.asarray(0.3 * np.random.default_rng(0).normal(size=(6, *part().hidden_shape((12,)))), float)

        def outcome(part):
            weights, state = part.init((12,), rng=np.random.default_rng(1))
            return jax.tree.leaves(effects(part, jax.tree.map(jnp.asarray, weights), far_along(state), hidden))

        leaves, treedef = jax.tree.flatten(part())
        usual = outcome(part())
        for index, leaf in enumerate(leaves):
            changed = outcome(treedef.unflatten([*leaves[:index], 0.5 * leaf + 0.01, *leaves[index + 1 :]]))
            assert any(not np.allclose(a, b) for a, b in zip(usual, changed, strict=True)), f"float number {index} of {part()!r}"

    def test_gives_a_code_a_row(self, part):
        weights, state = made(part)
        latent, next_state = part()(weights, state, hidden_of(part), PRIOR, mask=ALL, progress=1.0, key=jax.random.key(0))
        assert latent.code.shape[-2:] == (6, *LATENT)
        assert jax.tree.structure(next_state) == jax.tree.structure(state)

    def test_gives_its_terms_row_by_row_and_weighs_each(self, part):
        weights, state = made(part)
        latent, _ = part()(weights, state, hidden_of(part), PRIOR, mask=ALL, progress=1.0, key=jax.random.key(0))
        assert all(term.shape[-1:] == (6,) for term in latent.terms.values())
        assert set(part().term_weights(0.5)) <= set(latent.terms)

    def test_encodes_without_chance(self, part):
        weights, state = made(part)
        codes = part().encode(weights, state, hidden_of(part))
        assert codes.shape == (6, *LATENT)
        np.testing.assert_array_equal(part().encode(weights, state, hidden_of(part)), codes)

    def test_encodes_a_row_the_same_in_any_company(self, part):
        weights, state = made(part)
        hidden = hidden_of(part)
        codes, order = part().encode(weights, state, hidden), np.random.default_rng(2).permutation(6)
        np.testing.assert_allclose(part().encode(weights, state, hidden[order]), codes[order], rtol=1e-6)
        np.testing.assert_allclose(part().encode(weights, state, hidden[:1]), codes[:1], rtol=1e-6)

    def test_terms_of_a_row_are_the_same_in_a_larger_batch(self, part):
        weights, state = made(part)

        def terms(hidden, seed):
            options = {"mask": jnp.ones(len(hidden)), "progress": 0.5, "key": jax.random.key(seed)}
            return part()(weights, state, hidden, PRIOR, **options)[0].terms

        hidden = hidden_of(part)
        once, again, tiled = terms(hidden, 0), terms(hidden, 1), terms(jnp.tile(hidden, (3, 1)), 0)
        for name, term in once.items():
            if np.array_equal(term, again[name]):  # and not taken at a code that is drawn
                np.testing.assert_allclose(tiled[name], np.tile(term, 3), rtol=1e-5, atol=1e-6)

    def test_gradients_agree_with_finite_differences(self, part):
        """Of terms and codes, by what the encoder gives, at the same random numbers."""
        with jax.enable_x64(True):
            weights, state = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), made(part))
            hidden, direction = hidden_of(part), hidden_of(part, seed=7)

            @jax.jit
            def along(step):
                options = {"mask": jnp.ones(6), "progress": 0.5, "key": jax.random.key(0)}
                latent, _ = part()(weights, state, hidden + step * direction, PRIOR, **options)
                smooth = 0.0 if part in STEPPED else jnp.sum(jnp.sin(latent.code))
                return sum((jnp.sum(term) for term in latent.terms.values()), smooth + 0.0 * step)

            step = 1e-5
            difference = (along(step) - along(-step)) / (2 * step)
            np.testing.assert_allclose(jax.grad(along)(0.0), difference, rtol=1e-4, atol=1e-8)

    def test_padding_changes_neither_the_rows_that_count_nor_the_state(self, part):
        weights, state = made(part)
        mask = jnp.asarray([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
        hidden = hidden_of(part)
        padded = hidden.at[4:].set(50.0)
        results = [part()(weights, state, values, PRIOR, mask=mask, progress=0.5, key=jax.random.key(0)) for values in (hidden, padded)]
        (latent, after), (other, other_after) = results
        np.testing.assert_array_equal(latent.code[..., :4, :], other.code[..., :4, :])
        for name, term in latent.terms.items():
            np.testing.assert_array_equal(term[..., :4], other.terms[name][..., :4])
        assert latent.reports == other.reports
        for first, second in zip(jax.tree.leaves(after), jax.tree.leaves(other_after), strict=True):
            np.testing.assert_array_equal(first, second)

    def test_a_population_is_its_members(self, part):
        members = [(*made(part), hidden_of(part, seed=seed), jax.random.key(seed)) for seed in (1, 2)]

        @jax.jit
        def called(weights, state, hidden, key):
            latent, state = part()(weights, state, hidden, PRIOR, mask=ALL, progress=0.5, key=key)
            return latent.code, dict(latent.terms), dict(latent.reports), state

        together = jax.jit(jax.vmap(called))(*jax.tree.map(lambda *leaves: jnp.stack(leaves), *members))
        apart = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(called(*member) for member in members))
        for found, expected in zip(jax.tree.leaves(together), jax.tree.leaves(apart), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_the_nearest_code_of_any_vector_is_a_code(self, part):
        weights, state = made(part)
        codes = part().encode(weights, state, hidden_of(part))
        nearest = part().nearest(weights, state, 0.5 * (codes + codes[::-1]))
        assert nearest.shape == codes.shape
        assert jnp.all(jnp.isfinite(nearest))

    def test_rows_have_the_same_numbers_where_they_have_the_same_code(self, part):
        weights, state = made(part)
        hidden = hidden_of(part, rows=60)
        hidden = jnp.concatenate([hidden, hidden[:5]])
        if part.indices is AbstractBottleneck.indices:
            with pytest.raises(PartError, match=r"no whole numbers. Use a bottleneck that quantizes"):
                part().indices(weights, state, hidden)
            return
        numbers, codes = part().indices(weights, state, hidden), part().encode(weights, state, hidden)
        if part.is_probabilistic:  # then a code is a mean, and its numbers those of the most likely one
            codes = part().nearest(weights, state, codes)
        assert numbers.shape[0] == 65
        assert numbers.dtype == jnp.int32
        same_numbers = np.all(numbers[:, None] == numbers, axis=-1)
        same_codes = np.all(codes[:, None] == codes, axis=-1)
        np.testing.assert_array_equal(same_numbers, same_codes)
        assert 65 < np.sum(same_codes) < 65**2

    def test_passes_the_gradient_to_the_encoder(self, part):
        weights, state = made(part)

        def size(hidden):
            return jnp.sum(part()(weights, state, hidden, PRIOR, mask=ALL, progress=1.0, key=jax.random.key(0))[0].code ** 2)

        slope = jax.jit(jax.grad(size))(hidden_of(part))
        assert jnp.all(jnp.isfinite(slope))
        assert jnp.any(slope != 0.0)

    def test_samples_codes_or_says_why_not(self, part):
        weights, _ = made(part)
        caught = None
        try:
            codes = part().sample(weights, PRIOR, (5, *LATENT), key=jax.random.key(0))
        except PartError as error:
            caught = str(error)
        assert "no distribution" in caught if caught else codes.shape == (5, *LATENT)


@pytest.mark.parametrize("part", PROBABILISTIC, ids=part_name)
def test_draws_densities_and_divergence_belong_together(part):
    """Over draws from q the mean of p / q is one, and that of its logarithm minus the divergence."""
    weights = jax.tree.map(lambda leaf: leaf + 0.1 * np.random.default_rng(4).normal(size=leaf.shape), made(part)[0])
    hidden, n_draws = 0.1 * hidden_of(part), 20_000

    @jax.jit
    def drawn(weights):
        codes, log_posterior = part().draw(weights, hidden, n_draws, key=jax.random.key(1))
        return part().log_prior(PRIOR, codes) - log_posterior, part().divergence(weights, hidden, PRIOR)

    log_ratio, divergence = drawn(jax.tree.map(lambda leaf: jnp.asarray(leaf, float), weights))
    ratio = np.exp(np.float64(log_ratio))
    assert np.all(np.abs(ratio.mean(axis=0) - 1.0) < 5 * ratio.std(axis=0) / np.sqrt(n_draws))
    assert np.all(ratio.std(axis=0) > 0.01)
    if divergence is not None:
        error = 5 * np.std(log_ratio, axis=0) / np.sqrt(n_draws)
        assert np.all(np.abs(np.mean(log_ratio, axis=0) + np.sum(divergence, axis=1)) < error)


@pytest.mark.parametrize("part", CHARGED, ids=part_name)
def test_at_no_weight_a_divergence_adds_nothing_to_value_or_gradient(part):
    x = jnp.asarray(np.random.default_rng(5).normal(size=(6, 4)), float)
    options = {"key": jax.random.key(2), "progress": 0.5, "training": True}

    def evaluated(part):
        prior = StandardNormal() if part.needs_prior else None
        parts = Parts(Linear(), Normal(), data_shape=(4,), latent_shape=LATENT, bottleneck=part, prior=prior)
        model = Model.init(parts, rng=np.random.default_rng(1))

        @jax.jit
        def both(weights):
            def value(weights, name):
                found = Objective(parts)(weights, model.state, {"x": x}, {}, ALL, **options)
                return found.loss if name == "loss" else found.terms[name] / 4

            return [jax.value_and_grad(value)(weights, name) for name in ("loss", "reconstruction")]

        return [jax.tree.leaves(each) for each in both(jax.tree.map(jnp.asarray, model.weights))]

    for ours, expected in zip(*evaluated(part(beta=0.0)), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)
    assert any(not np.allclose(ours, other, rtol=1e-3) for ours, other in zip(*evaluated(part()), strict=True))
