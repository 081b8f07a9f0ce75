"""Masked autoregressive maps by their Jacobians, and the density that is made of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus import Autoencoder
from isthmus._autoregressive import drawn_maps
from isthmus.architectures import Linear
from isthmus.bottlenecks import Gaussian
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts
from isthmus.priors import BoundPrior, Flow, StandardNormal


def random_maps(n_maps=3, n_dims=4, n_context=0, widths=(9, 8), seed=0, scale=0.5):
    """Maps far from the identity."""
    rng = np.random.default_rng(seed)
    maps = drawn_maps(n_maps, n_dims, n_context, widths, rng=rng)
    return jax.tree.map(lambda leaf: jnp.asarray(scale * rng.normal(size=leaf.shape), jnp.float32), maps)


def vectors(n_dims=4, n_rows=6, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(n_rows, n_dims)), jnp.float32)


class TestMaps:
    @pytest.mark.parametrize("widths", [(), (3,), (9, 8)], ids=str)
    @pytest.mark.parametrize("n_context", [0, 2])
    def test_each_dimension_depends_on_all_before_it_and_on_none_behind(self, n_context, widths):
        maps = random_maps(2, n_context=n_context, widths=widths, scale=1.0)
        context = vectors(2, 1)[0] if n_context else None
        for index, allowed in enumerate((np.tri(4), np.tri(4).T)):
            depends = np.zeros((4, 4), bool)
            for x in vectors():
                depends |= np.asarray(jax.jacobian(lambda x, i=index: maps._parameters(i, x, context)[0])(x) != 0)
            np.testing.assert_array_equal(depends & (allowed == 0), False)
            if widths != (3,) or n_context == 0:  # three units cannot tell apart what each of five degrees knows
                np.testing.assert_array_equal(depends, allowed - np.eye(4) > 0)

    @pytest.mark.parametrize("n_dims", [1, 4])
    def test_a_context_reaches_every_dimension(self, n_dims):
        maps = random_maps(1, n_dims, n_context=2)
        slopes = jax.jacobian(lambda context: jnp.stack(maps._parameters(0, vectors(n_dims)[0], context)))(vectors(2)[0])
        assert np.all(slopes != 0)

    @pytest.mark.parametrize(("n_dims", "n_context"), [(1, 0), (4, 0), (4, 2)])
    def test_the_determinant_is_that_of_the_jacobian_and_the_way_back_leads_back(self, n_dims, n_context):
        maps, x = random_maps(n_dims=n_dims, n_context=n_context), vectors(n_dims)
        context = vectors(2) if n_context else None

        @jax.jit
        def values(x, context):
            y, log_det = maps.passed(x, context)
            jacobians = jax.vmap(jax.jacobian(lambda *vectors: maps.passed(*vectors)[0]))(x, context)
            return y, log_det, jacobians, maps.inverse(y, context)

        y, log_det, jacobians, back = values(x, context)
        np.testing.assert_allclose(log_det, np.linalg.slogdet(np.float64(jacobians))[1], atol=1e-5)
        np.testing.assert_allclose(back, x, atol=1e-5)
        assert not np.allclose(y, x, atol=0.1)

    def test_it_begins_as_the_identity(self):
        for n_context in (0, 2):
            maps = drawn_maps(3, 4, n_context, (8,), rng=np.random.default_rng(0))
            y, log_det = maps.passed(vectors(), vectors(2) if n_context else None)
            np.testing.assert_array_equal(y, vectors())
            np.testing.assert_array_equal(log_det, 0.0)

    def test_no_weights_make_it_infinite(self):
        maps = random_maps(scale=1e6)

        def cost(maps):
            return jnp.sum(maps.passed(vectors())[1]) + jnp.sum(1e-6 * maps.inverse(vectors()))

        assert all(np.all(np.isfinite(value)) for value in jax.tree.leaves(jax.jit(jax.value_and_grad(cost))(maps)))


class TestDensity:
    def test_is_that_of_its_samples_by_the_change_of_variables(self):
        weights = random_maps(n_dims=3)

        @jax.jit
        def values(key):
            codes, noise = Flow().sample(weights, (5, 3), key=key), jax.random.normal(key, (5, 3))
            return Flow().log_prob(weights, codes), StandardNormal().log_prob((), noise), jax.vmap(jax.jacobian(weights.inverse))(noise)

        density, of_noise, jacobians = values(jax.random.key(0))
        np.testing.assert_allclose(density, of_noise - np.linalg.slogdet(np.float64(jacobians))[1], atol=1e-4)

    def test_integrates_to_one(self):
        grid = np.linspace(-15.0, 15.0, 601)
        plane = jnp.asarray(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2), jnp.float32)
        density_of = jax.jit(Flow().log_prob)
        for seed in (0, 1):
            density = np.float64(density_of(random_maps(n_dims=2, seed=seed, scale=0.3), plane))
            np.testing.assert_allclose(np.exp(density).sum() * (grid[1] - grid[0]) ** 2, 1.0, rtol=1e-3)
            assert np.max(np.abs(density - StandardNormal().log_prob((), plane))) > 1

    def test_learns_a_ring_that_no_normal_distribution_is_like(self):
        rng = np.random.default_rng(0)
        angle, radius = rng.uniform(0, 2 * np.pi, 500), 2 + 0.1 * rng.normal(size=500)
        codes = jnp.asarray(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), jnp.float32)
        prior = Flow(n_layers=4, hidden_dims=(32,))
        weights = jax.tree.map(jnp.asarray, prior.init((2,), (5,), rng=rng))
        optimizer = optax.adam(0.01)

        def cost(weights):
            return -jnp.mean(prior.log_prob(weights, codes))

        @jax.jit
        def trained(weights):
            def step(_, carry):
                weights, state = carry
                updates, state = optimizer.update(jax.grad(cost)(weights), state)
                return optax.apply_updates(weights, updates), state

            return jax.lax.fori_loop(0, 300, step, (weights, optimizer.init(weights)))[0]

        best_normal = np.log(2 * np.pi * np.e) + 0.5 * np.linalg.slogdet(np.cov(np.float64(codes).T))[1]
        np.testing.assert_allclose(cost(weights), -jnp.mean(StandardNormal().log_prob((), codes)), rtol=1e-5)
        assert cost(trained(weights)) < best_normal - 0.5


@pytest.mark.slow
def test_a_variational_autoencoder_learns_its_prior():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(100, 5))
    prior = Flow(2, (8,))
    autoencoder = Autoencoder(2, bottleneck="gaussian", loss="normal", prior=prior, hidden_dims=(8,), max_epochs=5, random_state=0).fit(X)
    assert np.all(np.isfinite(autoencoder.elbo(X)["elbo"]))
    assert autoencoder.sample(3).shape == (3, 5)
    bound = BoundPrior(prior, autoencoder.model_.weights.prior)
    codes = jnp.asarray(autoencoder.transform(X))
    assert np.max(np.abs(bound.log_prob(codes) - StandardNormal().log_prob((), codes))) > 1e-3


def test_it_is_for_codes_of_one_axis():
    with pytest.raises(PartError, match=r"'flow' is for codes of one axis; .* Use prior='standard_normal'"):
        Parts(Linear(), SquaredError(), data_shape=(4,), latent_shape=(2, 3), bottleneck=Gaussian(), prior=Flow())


def test_its_sizes_are_those_of_its_networks():
    weights = Flow(3, (5, 6)).init((2,), (4,), rng=np.random.default_rng(0))
    assert [[layer.weight.shape for layer in network] for network in weights.networks] == [[(2, 5), (5, 6), (6, 4)]] * 3
