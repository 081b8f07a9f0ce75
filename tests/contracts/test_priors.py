"""What every prior must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.bottlenecks import Posterior
from isthmus.priors import AbstractPrior, BoundPrior

PRIORS = list(choices(AbstractPrior).values())


def posterior(x):
    """An encoder that reads off mean and scale."""
    return Posterior(x[:, :2], 0.3 * x[:, 2:4])


def bound(part, latent=(2,)):
    weights = part().init(latent, (5,), rng=np.random.default_rng(0))
    return BoundPrior(part(), part().prepared(weights, posterior))


def codes(shape=(6, 2), seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), float)


@pytest.mark.parametrize("part", PRIORS, ids=part_name)
class TestEveryPrior:
    @pytest.mark.parametrize("shape", [(6, 2), (4, 6, 2)], ids=str)
    def test_gives_one_number_a_code(self, part, shape):
        density = bound(part).log_prob(codes(shape))
        assert density.shape == shape[:-1]
        assert jnp.all(jnp.isfinite(density))

    def test_a_code_is_as_likely_in_any_company(self, part):
        density = bound(part).log_prob(codes())
        np.testing.assert_allclose(bound(part).log_prob(codes()[::-1])[::-1], density, rtol=1e-6)
        np.testing.assert_allclose(bound(part).log_prob(codes()[:1]), density[:1], rtol=1e-6)

    def test_gradients_agree_with_finite_differences(self, part):
        """Of the density, by codes and by the prior's own weights, and of a divergence in closed form."""
        with jax.enable_x64(True):
            rng = np.random.default_rng(6)
            weights = jax.tree.map(lambda w: jnp.asarray(w + 0.1 * rng.normal(size=w.shape)), part().init((2,), (5,), rng=rng))
            directions = jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape)), weights)
            start, shift = (jnp.asarray(rng.normal(size=(2, 6, 2))) for _ in range(2))

            def along(step):
                moved = jax.tree.map(lambda w, d: w + step * d, weights, directions)
                prior = BoundPrior(part(), part().prepared(moved, posterior))
                code, log_scale = start + step * shift
                divergence = prior.kl(code, log_scale)
                return jnp.sum(prior.log_prob(code)) + (0.0 if divergence is None else 2.0 * jnp.sum(divergence))

            step = 1e-5
            np.testing.assert_allclose(jax.grad(along)(0.0), (along(step) - along(-step)) / (2 * step), rtol=1e-5)

    def test_is_normalized(self, part):
        grid = np.linspace(-12.0, 12.0, 401)
        plane = jnp.asarray(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(1, -1, 2), float)
        mass = np.exp(np.asarray(bound(part).log_prob(plane), np.float64)).sum() * (grid[1] - grid[0]) ** 2
        np.testing.assert_allclose(mass, 1.0, rtol=1e-3)

    def test_draws_by_its_key_alone(self, part):
        draws = bound(part).sample((5, 2), key=jax.random.key(0))
        assert draws.shape == (5, 2)
        np.testing.assert_array_equal(bound(part).sample((5, 2), key=jax.random.key(0)), draws)
        assert not np.array_equal(bound(part).sample((5, 2), key=jax.random.key(1)), draws)

    def test_draws_from_its_density(self, part):
        draws = bound(part).sample((4000, 2), key=jax.random.key(2))
        grid = np.linspace(-12.0, 12.0, 401)
        plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        mass = np.exp(np.asarray(bound(part).log_prob(jnp.asarray(plane, float)), np.float64)) * (grid[1] - grid[0]) ** 2
        mean = mass @ plane
        moments = mass @ plane**2
        error = 5 * np.sqrt(np.array([mass @ plane[:, axis] ** 4 for axis in (0, 1)]) / 4000)
        assert np.all(np.abs(np.mean(np.asarray(draws) ** 2, axis=0) - moments) < error)
        assert np.all(np.abs(np.mean(np.asarray(draws), axis=0) - mean) < 5 * np.sqrt(moments / 4000))

    def test_a_divergence_in_closed_form_is_the_one_of_its_draws(self, part):
        mean, log_scale = codes(seed=3), 0.25 * codes(seed=4) - 0.5
        divergence = bound(part).kl(mean, log_scale)
        if divergence is None:
            assert type(part()).kl is AbstractPrior.kl
            return
        noise = jax.random.normal(jax.random.key(5), (20_000, *mean.shape))
        drawn = mean + jnp.exp(log_scale) * noise
        log_posterior = -0.5 * jnp.sum(noise**2 + 2 * log_scale + np.log(2 * np.pi), axis=-1)
        ratio = np.asarray(log_posterior - bound(part).log_prob(drawn))
        assert divergence.shape == (6, 2)
        assert np.all(np.abs(ratio.mean(axis=0) - divergence.sum(axis=1)) < 5 * ratio.std(axis=0) / np.sqrt(20_000))
