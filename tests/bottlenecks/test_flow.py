"""A posterior through inverse autoregressive maps: its density, and where it begins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from isthmus.architectures import Linear
from isthmus.bottlenecks import Flow, Gaussian
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts
from isthmus.priors import BoundPrior, StandardNormal

KEY = jax.random.key(3)
PRIOR = BoundPrior(StandardNormal(), ())
PART = Flow(n_layers=2, hidden_dims=(8,), n_context=3)
N_ROWS, N_DIMS = 4, 2


def hidden_of(part=PART, n_dims=N_DIMS, seed=0):
    return jnp.asarray(0.7 * np.random.default_rng(seed).normal(size=(N_ROWS, *part.hidden_shape((n_dims,)))), jnp.float32)


def weights_of(part=PART, n_dims=N_DIMS, scale=0.6):
    rng = np.random.default_rng(1)
    weights, _ = part.init((n_dims,), rng=rng)
    return jax.tree.map(lambda leaf: jnp.asarray(scale * rng.normal(size=leaf.shape), jnp.float32), weights)


def test_the_density_is_that_of_its_codes_by_the_change_of_variables():
    hidden, weights = hidden_of(), weights_of()
    codes, density = PART.draw(weights, hidden, 3, key=KEY)
    noise = jax.random.normal(KEY, (3, N_ROWS, N_DIMS))

    def code(noise, row):
        mean, log_scale, context = hidden[row, :N_DIMS], hidden[row, N_DIMS : 2 * N_DIMS], hidden[row, 2 * N_DIMS :]
        return weights.passed(mean + jnp.exp(log_scale) * noise, context)[0]

    rows = jnp.arange(N_ROWS)
    image, jacobians = (jax.jit(jax.vmap(jax.vmap(function), in_axes=(0, None)))(noise, rows) for function in (code, jax.jacobian(code)))
    np.testing.assert_allclose(codes, image, rtol=1e-4, atol=1e-6)
    expected = StandardNormal().log_prob((), noise) - np.linalg.slogdet(np.float64(jacobians))[1]
    np.testing.assert_allclose(density, expected, atol=1e-4)


def test_the_divergence_charged_is_in_the_mean_that_of_quadrature():
    """For codes of one number, whose posterior is normal with mean and scale moved by the context."""
    part = Flow(n_layers=1, hidden_dims=(8,), n_context=2)
    weights, hidden = weights_of(part, 1), jnp.tile(hidden_of(part, 1)[:1], (20_000, 1))
    latent, _ = part(weights, (), hidden, PRIOR, mask=jnp.ones(20_000), progress=1.0, key=KEY)
    kl = np.float64(latent.terms["kl"])
    codes = np.float64(latent.code[:, 0])
    ends = hidden[:1, :1] + jnp.asarray([[0.0], [1.0]]) * jnp.exp(hidden[:1, 1:2])
    center, above = np.float64(weights.passed(ends, hidden[:1, 2:])[0][:, 0])
    spread = above - center
    z = np.linspace(center - 8 * spread, center + 8 * spread, 4001)
    log_q = -0.5 * ((z - center) / spread) ** 2 - np.log(spread * np.sqrt(2 * np.pi))
    log_p = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    exact = scipy.integrate.simpson(np.exp(log_q) * (log_q - log_p), x=z)
    assert abs(kl.mean() - exact) < 5 * kl.std() / np.sqrt(20_000)
    assert abs(codes.mean() - center) < 5 * spread / np.sqrt(20_000)
    assert part.divergence(weights, hidden, PRIOR) is None


def test_it_begins_as_the_normal_posterior():
    weights, state = PART.init((N_DIMS,), rng=np.random.default_rng(0))
    hidden = hidden_of()
    normal = hidden[:, : 2 * N_DIMS]
    for ours, theirs in zip(PART.draw(weights, hidden, 3, key=KEY), Gaussian().draw((), normal, 3, key=KEY), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_array_equal(PART.encode(weights, state, hidden), normal[:, :N_DIMS])


def test_the_code_is_the_image_of_the_mean():
    hidden, weights = hidden_of(), weights_of()
    narrow = hidden.at[:, N_DIMS : 2 * N_DIMS].set(-30.0)
    np.testing.assert_allclose(PART.draw(weights, narrow, 1, key=KEY)[0][0], PART.encode(weights, (), hidden), rtol=1e-5)
    assert not np.allclose(PART.encode(weights, (), hidden), hidden[:, :N_DIMS], atol=0.1)


def test_every_number_of_the_encoder_and_every_weight_that_is_read_has_a_slope():
    def cost(weights, hidden):
        latent, _ = PART(weights, (), hidden, PRIOR, mask=jnp.ones(N_ROWS), progress=1.0, key=KEY)
        return jnp.sum(latent.code**3) + jnp.sum(latent.terms["kl"])

    by_weights, by_hidden = jax.jit(jax.grad(cost, argnums=(0, 1)))(weights_of(), hidden_of())
    assert np.all(by_hidden != 0.0)
    assert all(np.any(leaf != 0.0) for leaf in jax.tree.leaves(by_weights))


def test_the_weight_rises_in_its_cycles():
    part = Flow(3.0, warmup=0.5, n_cycles=2)
    assert [float(part.term_weights(progress)["kl"]) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)] == [0.0, 1.5, 3.0, 1.5, 3.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_shape": (2, 3), "prior": StandardNormal()}, "'flow' is for codes of one axis.* Give codes of one axis"),
        ({}, "'flow' needs a prior over codes. Pass prior="),
    ],
    ids=["two axes", "no prior"],
)
def test_what_does_not_go_with_it_is_refused(options, message):
    with pytest.raises(PartError, match=message):
        Parts(Linear(), SquaredError(), data_shape=(4,), bottleneck=PART, **({"latent_shape": (2,)} | options))
