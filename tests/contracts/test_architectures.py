"""What every architecture must do, on rows of the shapes that it takes."""

import functools
import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.architectures import AbstractArchitecture
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts

ARCHITECTURES = list(choices(AbstractArchitecture).values())
# Of one, two and three axes: features, steps of channels, pictures of channels.
CANDIDATES = [(5,), (1,), (8,), (4, 3), (9, 7), (8, 8, 1), (9, 10, 3)]
LATENTS = [(2,), (1,), (8,)]


@functools.cache
def refusal(part, data, latent=(2,)):
    """What the part says against rows of that shape; None when it takes them."""
    try:
        Parts(part(), SquaredError(), data_shape=data, latent_shape=latent)
    except PartError as error:
        return str(error)
    return None


def shapes(part):
    """The candidates that the part takes, in order."""
    return [shape for shape in CANDIDATES if refusal(part, shape) is None]


TAKEN = [
    pytest.param(part, data, latent, id=f"{part_name(part)}-{data}-{latent}")
    for part in ARCHITECTURES
    for data, latent in zip(shapes(part), itertools.cycle(LATENTS), strict=False)
]
REFUSED = [
    pytest.param(part, data, id=f"{part_name(part)}-{data}") for part in ARCHITECTURES for data in CANDIDATES if data not in shapes(part)
]


def halves(part, data, latent, seed=0):
    rng = np.random.default_rng(seed)
    return part().encoder(data, latent, rng=rng), part().decoder(latent, data, rng=rng)


def started(part, data, latent, seed=0, rows=40, mean=None):
    """Both halves, once they have seen some rows."""
    x = batch(data, rows)
    return part().start(*halves(part, data, latent, seed), lambda: (x, x), x.mean(axis=0) if mean is None else mean)


def batch(shape, rows=7, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, *shape))


def applied(part, network, x, key=None, precision="float32"):
    architecture, x = part(), jnp.asarray(x, float)
    if key is None:
        return jax.vmap(lambda row: architecture(network, row, precision=precision, key=None))(x)
    keys = jax.random.split(key, len(x))
    return jax.vmap(lambda row, key: architecture(network, row, precision=precision, key=key))(x, keys)


def decoded(part, networks, codes, **options):
    """What both halves make of codes: a decoder may need its encoder's weights."""
    return applied(part, part().joined(*networks), codes, **options)


def arrays(network):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(network)]


def drawn(network):
    """The arrays that are not one number all over."""
    return [array for array in arrays(network) if array.size and np.ptp(array) > 0.0]


@pytest.mark.parametrize(("part", "data", "latent"), TAKEN)
def test_leads_from_shape_to_shape(part, data, latent):
    networks = halves(part, data, latent)
    codes = applied(part, networks[0], batch(data))
    assert codes.shape == (7, *latent)
    assert decoded(part, networks, codes).shape == (7, *data)
    assert codes.dtype == jnp.float32
    assert jnp.all(jnp.isfinite(codes))


@pytest.mark.parametrize(("part", "data"), REFUSED)
def test_refuses_a_shape_with_advice(part, data):
    given, _, advice = refusal(part, data).rpartition(str(data))
    assert given, f"the message names no shape {data}"
    assert re.search(r"[.;:] [A-Z][^.]{10,}\.$", advice), f"no sentence says what to do: {advice!r}"


@pytest.mark.parametrize("part", ARCHITECTURES, ids=part_name)
class TestEveryArchitecture:
    def test_takes_rows_of_several_shapes(self, part):
        assert len(shapes(part)) >= 2
        assert all(refusal(part, shape, latent) is None for shape in shapes(part) for latent in LATENTS)

    def test_learns_arrays_of_float32_alone(self, part):
        for network in halves(part, shapes(part)[0], (2,)):
            assert arrays(network)
            assert all(array.dtype == np.float32 and np.all(np.isfinite(array)) for array in arrays(network))

    def test_draws_its_weights_from_the_generator_alone(self, part):
        first, again, other = (halves(part, shapes(part)[0], (2,), seed) for seed in (0, 0, 1))
        assert all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(again), strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(other), strict=True))

    def test_both_halves_are_drawn_apart(self, part):
        data = shapes(part)[0]
        encoder, decoder = halves(part, data, (math.prod(data),))
        assert not any(np.array_equal(a, b) for a, b in itertools.product(drawn(encoder), drawn(decoder)))

    def test_a_decoder_that_shares_weights_has_few_of_its_own(self, part):
        encoder, decoder = halves(part, shapes(part)[0], (2,))
        joined = part().joined(encoder, decoder)
        if joined is not decoder:
            assert sum(array.size for array in arrays(decoder)) < sum(array.size for array in arrays(joined))
            moved = jax.tree.map(lambda array: array + 1.0, encoder)
            assert not all(np.array_equal(a, b) for a, b in zip(arrays(joined), arrays(part().joined(moved, decoder)), strict=True))

    def test_is_the_same_outside_training_every_time(self, part):
        data = shapes(part)[0]
        encoder, _ = halves(part, data, (2,))
        np.testing.assert_array_equal(applied(part, encoder, batch(data)), applied(part, encoder, batch(data)))

    def test_says_whether_training_is_random(self, part):
        x = batch(shapes(part)[0])
        encoder, _ = halves(part, x.shape[1:], (2,))
        trained = applied(part, encoder, x, key=jax.random.key(0))
        assert part().is_random != np.array_equal(trained, applied(part, encoder, x))

    def test_every_row_is_for_itself(self, part):
        x = batch(shapes(part)[0])
        encoder, _ = halves(part, x.shape[1:], (2,))
        together = applied(part, encoder, x)
        np.testing.assert_allclose(applied(part, encoder, x[::-1])[::-1], together, rtol=1e-5, atol=1e-6)
        changed = x.copy()
        changed[1:] = 100.0
        np.testing.assert_allclose(applied(part, encoder, changed)[0], together[0], rtol=1e-5, atol=1e-6)

    @pytest.mark.slow
    def test_every_value_counts(self, part):
        data = shapes(part)[0]
        encoder, decoder = started(part, data, (3,))
        for network, shape in ((encoder, data), (part().joined(encoder, decoder), (3,))):
            point = 0.3 * jnp.asarray(batch(shape, 1)[0], float) + 0.3
            slopes = jax.jacobian(lambda x, network=network: part()(network, x, precision="float32", key=None))(point)
            flat = jnp.reshape(slopes, (-1, math.prod(shape)))
            assert jnp.all(jnp.any(flat != 0.0, axis=0))

    def test_every_array_has_a_gradient_after_one_step(self, part):
        data = shapes(part)[0]
        networks, x = started(part, data, (2,)), jnp.asarray(batch(data), float)

        def loss(networks):
            codes = jax.vmap(lambda row: part()(networks[0], row, precision="float32", key=None))(x)
            decoder = part().joined(*networks)
            rows = jax.vmap(lambda code: part()(decoder, code, precision="float32", key=None))(codes)
            return jnp.mean((rows - x) ** 2)

        slope = jax.jit(jax.grad(loss))
        for _ in range(2):
            networks = jax.tree.map(lambda weight, slope: weight - 0.1 * slope, networks, slope(networks))
        assert all(np.any(np.asarray(slope) != 0.0) for slope in jax.tree.leaves(slope(networks)))

    def test_begins_at_the_mean_of_the_data(self, part):
        data = shapes(part)[0]
        mean = 3.0 + np.arange(math.prod(data)).reshape(data)
        networks = started(part, data, (2,), mean=mean)
        center = decoded(part, networks, np.zeros((1, 2)))[0]
        bare = decoded(part, halves(part, data, (2,)), np.zeros((1, 2)))[0]
        assert np.max(np.abs(center - mean)) <= max(1e-5, 1.5 * np.max(np.abs(bare)))

    @pytest.mark.slow
    @pytest.mark.parametrize("rows", [1, 2, 40])
    def test_starts_from_any_number_of_rows(self, part, rows):
        for data, latent in itertools.product(shapes(part)[:2], [(1,), (9,)]):
            networks = started(part, data, latent, rows=rows)
            x = batch(data, 2)
            reconstruction = decoded(part, networks, applied(part, networks[0], x))
            assert reconstruction.shape == x.shape
            assert jnp.all(jnp.isfinite(reconstruction))
            assert all(array.dtype == np.float32 for array in arrays(networks))

    def test_rounded_products_give_nearly_the_same(self, part):
        x = batch(max(shapes(part), key=math.prod))
        encoder, _ = halves(part, x.shape[1:], (8,))
        exact, rounded = applied(part, encoder, x), applied(part, encoder, x, precision="bfloat16")
        assert rounded.dtype == jnp.float32
        assert not np.array_equal(exact, rounded)
        np.testing.assert_allclose(rounded, exact, atol=0.05 * float(jnp.std(exact)) + 0.02)

    def test_members_of_a_population_are_what_they_are_alone(self, part):
        data = shapes(part)[0]
        members = [halves(part, data, (2,), seed)[0] for seed in (0, 1)]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
        x = jnp.asarray(batch(data), float)
        together = jax.vmap(lambda network: jax.vmap(lambda row: part()(network, row, precision="float32", key=None))(x))(stacked)
        alone = [applied(part, member, x) for member in members]
        np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
