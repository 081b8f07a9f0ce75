"""Expectation and maximization for every covariance structure, beside scikit-learn's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from sklearn.mixture import GaussianMixture

from isthmus._component import part_name
from isthmus.mixtures import (
    Diagonal,
    Full,
    Limits,
    Mixture,
    Prior,
    Spherical,
    Tied,
    mean_log_likelihood,
    run_em,
)
from mixtures.tables import N_COMPONENTS, N_DIMS, chunked, rows_of

KINDS = {Full: "full", Tied: "tied", Diagonal: "diag", Spherical: "spherical"}
STRUCTURES = list(KINDS)


def theirs(part, x, seed=0):
    """scikit-learn's mixture of random shares."""
    reference = GaussianMixture(N_COMPONENTS, covariance_type=KINDS[part], reg_covar=1e-6)
    reference._initialize(x, np.random.default_rng(seed).dirichlet(np.ones(N_COMPONENTS), len(x)))
    return reference


def ours_of(part, reference, dtype=jnp.float64):
    factor = reference.precisions_cholesky_
    return Mixture(*(jnp.asarray(array, dtype) for array in (np.log(reference.weights_), reference.means_, factor)))


def covariances(part, spread):
    spread = np.asarray(spread, np.float64)
    if part in (Full, Tied):
        return np.linalg.inv(spread @ np.swapaxes(spread, -1, -2))
    return spread**-2.0


@pytest.mark.parametrize("part", STRUCTURES, ids=part_name)
class TestAsInScikitLearn:
    def test_its_density_is_the_normal_one(self, part):
        with jax.enable_x64(True):
            x = rows_of(50)
            reference = theirs(part, x)
            mixture = ours_of(part, reference)
            joint, _ = part().log_joint(part().prepared(mixture), jnp.asarray(x.T))
            matrices = covariances(part, mixture.spread)
            for k in range(N_COMPONENTS):
                own = matrices if part is Tied else matrices[k]
                own = own * np.eye(N_DIMS) if part in (Diagonal, Spherical) else own
                expected = scipy.stats.multivariate_normal(reference.means_[k], own).logpdf(x) + np.log(reference.weights_[k])
                np.testing.assert_allclose(joint[k], expected, rtol=1e-9, atol=1e-9)

    def test_iterations_are_those_of_scikit_learn(self, part):
        with jax.enable_x64(True):
            x = rows_of()
            reference = theirs(part, x)
            run = run_em(part(), ours_of(part, reference), chunked(x), Limits(0.0, 20), Prior(0.0, 1e-6))
            for _ in range(20):
                _, log_resp = reference._e_step(x)
                reference._m_step(x, log_resp)
            np.testing.assert_allclose(np.exp(run.mixture.log_weight), reference.weights_, rtol=1e-7)
            np.testing.assert_allclose(run.mixture.mean, reference.means_, rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(covariances(part, run.mixture.spread), reference.covariances_, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(run.value, reference.score(x), rtol=1e-10)
            assert int(run.n_iter) == 20
            assert not run.converged

    def test_no_iteration_lowers_the_likelihood(self, part):
        with jax.enable_x64(True):
            x = rows_of()
            mixture = ours_of(part, theirs(part, x))
            step = jax.jit(lambda mixture: run_em(part(), mixture, chunked(x), Limits(0.0, 1), Prior(0.0, 0.0)))
            values = [float(mean_log_likelihood(part(), mixture, chunked(x)))]
            for _ in range(30):
                run = step(mixture)
                mixture = run.mixture
                values.append(float(run.value))
            assert np.all(np.diff(values) > -1e-12)

    def test_single_precision_is_near_double(self, part):
        x = rows_of(3000)
        with jax.enable_x64(True):
            start = theirs(part, x)
            double = run_em(part(), ours_of(part, start), chunked(x), Limits(1e-7, 200), Prior(0.0, 1e-6))
        single = run_em(part(), ours_of(part, start, jnp.float32), chunked(x, dtype=jnp.float32), Limits(1e-7, 200), Prior(0.0, 1e-6))
        np.testing.assert_allclose(single.value, double.value, atol=1e-4)

    def test_a_weight_of_two_is_a_row_twice_and_chunks_do_not_matter(self, part):
        with jax.enable_x64(True):
            x = rows_of(200)
            start = ours_of(part, theirs(part, x))
            weight = np.where(np.arange(200) < 50, 2.0, 1.0)
            twice = run_em(part(), start, chunked(np.concatenate([x, x[:50]]), 64), Limits(0.0, 10), Prior(0.0, 1e-6))
            weighted = run_em(part(), start, chunked(x, 50, weight), Limits(0.0, 10), Prior(0.0, 1e-6))
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10), twice.mixture, weighted.mixture)

    def test_a_component_without_rows_stays_finite(self, part):
        x = rows_of(200)
        start = ours_of(part, theirs(part, x), jnp.float32)
        far = start._replace(mean=start.mean.at[1].set(1e4))
        run = run_em(part(), far, chunked(x, dtype=jnp.float32), Limits(1e-6, 50), Prior(0.0, 1e-6))
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(run))
        assert np.exp(run.mixture.log_weight)[1] < 1e-5
        assert run.value > mean_log_likelihood(part(), start, chunked(x, dtype=jnp.float32)) - 1.0

    def test_it_stops_when_it_gains_too_little(self, part):
        x = rows_of()
        start = ours_of(part, theirs(part, x), jnp.float32)._replace(mean=jnp.asarray(x[:N_COMPONENTS], jnp.float32))
        coarse, fine = (run_em(part(), start, chunked(x, dtype=jnp.float32), Limits(tol, 500), Prior(0.0, 1e-6)) for tol in (1e-2, 1e-5))
        assert coarse.converged
        assert fine.converged
        assert coarse.n_iter < fine.n_iter < 500
        assert coarse.value <= fine.value

    def test_it_has_as_many_parameters_as_scikit_learn_counts(self, part):
        reference = theirs(part, rows_of(50))
        others = N_COMPONENTS * N_DIMS + N_COMPONENTS - 1
        assert part().n_parameters(N_COMPONENTS, N_DIMS) == reference._n_parameters() - others

    def test_starts_are_run_together_as_they_run_alone(self, part):
        x = chunked(rows_of(300), dtype=jnp.float32)
        starts = [ours_of(part, theirs(part, rows_of(300), seed), jnp.float32) for seed in range(3)]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
        together = jax.jit(jax.vmap(lambda mixture: run_em(part(), mixture, x, Limits(1e-5, 60), Prior(0.0, 1e-6))))(stacked)
        for index, start in enumerate(starts):
            alone = run_em(part(), start, x, Limits(1e-5, 60), Prior(0.0, 1e-6))
            np.testing.assert_allclose(together.value[index], alone.value, rtol=1e-4)
            assert abs(int(together.n_iter[index]) - int(alone.n_iter)) <= 2
