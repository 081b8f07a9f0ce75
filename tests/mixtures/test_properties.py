"""What expectation-maximization promises, for every covariance structure: values, what is held, units, extrapolation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.mixtures import Fixed, Limits, LowRank, Prior, Whitening, mean_log_likelihood, run_em
from mixtures.tables import N_DIMS, PARTS, chunked, dense, random_mixture, rows_of

N_STEPS = 12


@functools.partial(jax.jit, static_argnames="accelerated")
def path(part, mixture, rows, prior, fixed, *, accelerated=False):
    """The mixtures and their values at the start and after each of some steps."""

    def step(mixture, max_iter):
        run = run_em(part, mixture, rows, Limits(0.0, max_iter), prior, fixed, accelerated=accelerated)
        return run.mixture, (run.mixture, run.value)

    return jax.lax.scan(step, mixture, jnp.minimum(jnp.arange(N_STEPS), 1))[1]


def held(part):
    """Nothing; some weights, means or spreads; all of each."""
    some, nothing, every = (jnp.asarray(which) for which in ([True, False, True], [False] * 3, [True] * 3))
    spread = every if part.is_shared else some
    yield Fixed(nothing, nothing, nothing)
    yield Fixed(some, some, nothing)
    yield Fixed(nothing, nothing, spread)
    yield Fixed(every, nothing, nothing)
    yield Fixed(nothing, every, spread)


def overlapping(n):
    """Rows of which no cluster can be told from another by eye."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(n, N_DIMS)) + rng.choice([-0.8, 0.0, 0.8], size=n)[:, None]
    return (x - x.mean(axis=0)) / x.std(axis=0)


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
class TestEveryStructure:
    @pytest.mark.parametrize("accelerated", [False, True], ids=["plain", "accelerated"])
    def test_the_value_never_falls_and_what_is_held_stays(self, part, accelerated):
        start, rows = random_mixture(part), chunked(rows_of(256))
        for fixed in held(part):
            for prior in (Prior(0.0, 0.0), Prior(5.0, 0.0)):
                mixtures, values = path(part, start, rows, prior, fixed, accelerated=accelerated)
                assert np.all(np.diff(values) > -1e-12)
                assert values[-1] > values[0] + 1e-4
                np.testing.assert_allclose(np.exp(mixtures.log_weight).sum(axis=1), 1.0, rtol=1e-12)
                pairs = [(mixtures.log_weight[:, fixed.weight], start.log_weight[fixed.weight])]
                pairs.append((mixtures.mean[:, fixed.mean], start.mean[fixed.mean]))
                if np.any(fixed.spread):
                    kept = slice(None) if part.is_shared else fixed.spread
                    own = zip(jax.tree.leaves(mixtures.spread), jax.tree.leaves(start.spread), strict=True)
                    pairs += [(leaf[:, kept], before[kept]) for leaf, before in own]
                for after, before in pairs:
                    np.testing.assert_array_equal(after, np.broadcast_to(before, after.shape))

    def test_the_value_is_the_likelihood_and_the_share_of_the_prior(self, part):
        start, rows = random_mixture(part), chunked(rows_of(256))
        mixtures, values = path(part, start, rows, Prior(5.0, 0.0), next(held(part)))
        for step in (0, N_STEPS - 1):
            mixture = jax.tree.map(lambda leaf, step=step: leaf[step], mixtures)
            matrices = dense(part, mixture.spread)
            share = -0.5 * np.sum(np.linalg.slogdet(matrices)[1] + np.trace(np.linalg.inv(matrices), axis1=1, axis2=2))
            likelihood = mean_log_likelihood(part, mixture, rows)
            np.testing.assert_allclose(values[step], likelihood + 5.0 * share / 256, rtol=1e-10)

    def test_whitened_rows_lead_to_the_same_mixture(self, part):
        x = rows_of(256) @ (np.eye(N_DIMS) + 0.3 * np.random.default_rng(5).normal(size=(N_DIMS, N_DIMS))) + 2.0
        whitening = Whitening(x.mean(axis=0), part.whitening(np.cov(x.T, bias=True)))
        start = random_mixture(part)
        fixed = next(held(part))
        other, other_value = path(part, start, chunked(whitening(x)), Prior(0.0, 0.0), fixed)
        start = jax.tree.map(jnp.asarray, whitening.restored(part, start))
        plain, plain_value = path(part, start, chunked(x), Prior(0.0, 0.0), fixed)
        last, back = (jax.tree.map(lambda leaf: np.asarray(leaf[-1]), mixtures) for mixtures in (plain, other))
        back = whitening.restored(part, back)
        np.testing.assert_allclose(plain_value, other_value + whitening.log_factors().sum(), rtol=1e-8)
        np.testing.assert_allclose(back.log_weight, last.log_weight, rtol=1e-6)
        np.testing.assert_allclose(back.mean, last.mean, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(dense(part, back.spread), dense(part, last.spread), rtol=1e-6, atol=1e-7)

    def test_a_strong_prior_wins(self, part):
        mixtures, _ = path(part, random_mixture(part), chunked(rows_of(256)), Prior(1e9, 0.0), next(held(part)))
        spread = jax.tree.map(lambda leaf: leaf[-1], mixtures.spread)
        tolerance = 0.1 if isinstance(part, LowRank) else 1e-5  # which factors approach step by step
        np.testing.assert_allclose(dense(part, spread), np.broadcast_to(np.eye(N_DIMS), dense(part, spread).shape), atol=tolerance)

    def test_extrapolation_needs_fewer_passes(self, part):
        rows = chunked(overlapping(256))
        start = random_mixture(part)
        run = jax.jit(run_em, static_argnames="accelerated")
        plain, fast = (
            run(part, start, rows, Limits(1e-8, 5000), Prior(1.0, 0.0), accelerated=accelerated) for accelerated in (False, True)
        )
        assert plain.converged
        assert fast.converged
        assert fast.n_iter < 0.7 * plain.n_iter
        assert fast.value > plain.value - 1e-5
