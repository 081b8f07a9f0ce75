"""What every architecture must do."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.architectures import AbstractArchitecture

ARCHITECTURES = list(choices(AbstractArchitecture).values())
SHAPES = [((1,), (1,)), ((1,), (3,)), ((5,), (1,)), ((5,), (2,)), ((3,), (8,)), ((4, 3), (2,)), ((2, 2, 3), (4,))]


def halves(part, data, latent, seed=0):
    rng = np.random.default_rng(seed)
    return part().encoder(data, latent, rng=rng), part().decoder(latent, data, rng=rng)


def batch(shape, rows=7, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, *shape))


def applied(part, network, x, key=None, precision="float32"):
    architecture, x = part(), jnp.asarray(x, float)
    if key is None:
        return jax.vmap(lambda row: architecture(network, row, precision=precision, key=None))(x)
    keys = jax.random.split(key, len(x))
    return jax.vmap(lambda row, key: architecture(network, row, precision=precision, key=key))(x, keys)


def arrays(network):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(network)]


@pytest.mark.parametrize("part", ARCHITECTURES, ids=part_name)
class TestEveryArchitecture:
    @pytest.mark.parametrize(("data", "latent"), SHAPES, ids=str)
    def test_leads_from_shape_to_shape(self, part, data, latent):
        encoder, decoder = halves(part, data, latent)
        codes = applied(part, encoder, batch(data))
        assert codes.shape == (7, *latent)
        assert applied(part, decoder, codes).shape == (7, *data)
        assert codes.dtype == jnp.float32
        assert jnp.all(jnp.isfinite(codes))

    def test_learns_arrays_of_float32_alone(self, part):
        for network in halves(part, (5,), (2,)):
            assert arrays(network)
            assert all(array.dtype == np.float32 and np.all(np.isfinite(array)) for array in arrays(network))

    def test_draws_its_weights_from_the_generator_alone(self, part):
        first, again, other = (halves(part, (5,), (2,), seed) for seed in (0, 0, 1))
        assert all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(again), strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(other), strict=True))

    def test_both_halves_are_drawn_apart(self, part):
        encoder, decoder = halves(part, (4,), (4,))
        pairs = zip(arrays(encoder), arrays(decoder), strict=True)
        assert not all(np.array_equal(a, b) for a, b in pairs)

    def test_is_the_same_outside_training_every_time(self, part):
        encoder, _ = halves(part, (5,), (2,))
        np.testing.assert_array_equal(applied(part, encoder, batch((5,))), applied(part, encoder, batch((5,))))

    def test_says_whether_training_is_random(self, part):
        encoder, _ = halves(part, (5,), (2,))
        x = batch((5,))
        trained = applied(part, encoder, x, key=jax.random.key(0))
        assert part().is_random != np.array_equal(trained, applied(part, encoder, x))

    def test_every_row_is_for_itself(self, part):
        encoder, _ = halves(part, (5,), (2,))
        x = batch((5,))
        together = applied(part, encoder, x)
        np.testing.assert_allclose(applied(part, encoder, x[::-1])[::-1], together, rtol=1e-5, atol=1e-6)
        changed = x.copy()
        changed[1:] = 100.0
        np.testing.assert_allclose(applied(part, encoder, changed)[0], together[0], rtol=1e-5, atol=1e-6)

    def test_every_value_counts(self, part):
        encoder, decoder = halves(part, (4,), (3,))
        start = part().start(encoder, decoder, lambda: (batch((4,)), batch((4,))), np.zeros(4))
        for network, size in zip(start, (4, 3), strict=True):
            slopes = jax.jacobian(lambda x, network=network: part()(network, x, precision="float32", key=None))(jnp.full(size, 0.3))
            assert jnp.all(jnp.any(slopes != 0.0, axis=0))

    def test_every_array_has_a_gradient_after_one_step(self, part):
        networks = part().start(*halves(part, (4,), (2,)), lambda: (batch((4,)), batch((4,))), np.zeros(4))
        x = jnp.asarray(batch((4,)), float)

        def loss(networks):
            codes = jax.vmap(lambda row: part()(networks[0], row, precision="float32", key=None))(x)
            rows = jax.vmap(lambda code: part()(networks[1], code, precision="float32", key=None))(codes)
            return jnp.mean((rows - x) ** 2)

        for _ in range(2):
            networks = jax.tree.map(lambda weight, slope: weight - 0.1 * slope, networks, jax.grad(loss)(networks))
        assert all(np.any(np.asarray(slope) != 0.0) for slope in jax.tree.leaves(jax.grad(loss)(networks)))

    def test_begins_at_the_mean_of_the_data(self, part):
        encoder, decoder = halves(part, (5,), (2,))
        x, mean = batch((5,), 50) + 3.0, np.arange(5.0)
        encoder, decoder = part().start(encoder, decoder, lambda: (x, x), mean)
        centre = applied(part, decoder, np.zeros((1, 2)))[0]
        bare = applied(part, part().decoder((2,), (5,), rng=np.random.default_rng(0)), np.zeros((1, 2)))[0]
        assert np.max(np.abs(centre - mean)) <= max(1e-5, 1.5 * np.max(np.abs(bare)))

    @pytest.mark.parametrize("rows", [1, 2, 40])
    def test_starts_from_any_number_of_rows(self, part, rows):
        for data, latent in itertools.product([(1,), (6,), (2, 3)], [(1,), (9,)]):
            x = batch(data, rows)
            encoder, decoder = part().start(*halves(part, data, latent), lambda x=x: (x, x), x.mean(axis=0))
            reconstruction = applied(part, decoder, applied(part, encoder, x))
            assert reconstruction.shape == x.shape
            assert jnp.all(jnp.isfinite(reconstruction))
            assert all(array.dtype == np.float32 for array in arrays((encoder, decoder)))

    def test_rounded_products_give_nearly_the_same(self, part):
        encoder, _ = halves(part, (50,), (8,))
        x = batch((50,))
        exact, rounded = applied(part, encoder, x), applied(part, encoder, x, precision="bfloat16")
        assert rounded.dtype == jnp.float32
        assert not np.array_equal(exact, rounded)
        np.testing.assert_allclose(rounded, exact, atol=0.05 * float(jnp.std(exact)) + 0.02)

    def test_members_of_a_population_are_what_they_are_alone(self, part):
        members = [halves(part, (5,), (2,), seed)[0] for seed in (0, 1)]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
        x = jnp.asarray(batch((5,)), float)
        together = jax.vmap(lambda network: jax.vmap(lambda row: part()(network, row, precision="float32", key=None))(x))(stacked)
        alone = [applied(part, member, x) for member in members]
        np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
