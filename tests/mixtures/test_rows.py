"""From tables to chunks of whitened rows, and passes over them in bounded memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.mixtures import NOTHING_FIXED, Chunks, Limits, Prior, Table, Whitening, expectation, found_whitening, run_em
from isthmus.mixtures import whole_moments as compiled_whole_moments
from isthmus.mixtures._passes import compiled_run, labeled_moments, run_blocks
from isthmus.mixtures._rows import chunk_size
from mixtures.tables import N_DIMS, PARTS, random_mixture, rows_of


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def unlike_rows(n=203):
    return rows_of(n) * [1.0, 100.0, 0.01, 5.0] + [0.0, 1e6, -3.0, 0.5]


def with_gaps(x, share=0.2, seed=0):
    return np.where(np.random.default_rng(seed).uniform(size=x.shape) < share, np.nan, x)


class TestMoments:
    def test_they_are_those_of_weighted_rows(self):
        x, weight = unlike_rows(), np.random.default_rng(0).integers(0, 4, size=203)
        mean, covariance = Table(x, weight.astype(float)).moments()
        np.testing.assert_allclose(mean, np.average(x, axis=0, weights=weight), rtol=1e-12)
        np.testing.assert_allclose(covariance, np.cov(x.T, fweights=weight, bias=True), rtol=1e-8, atol=1e-12)

    def test_variances_are_those_of_the_values_that_are_there(self):
        x = with_gaps(unlike_rows())
        mean, covariance = Table(x, np.ones(203), has_missing=True).moments()
        np.testing.assert_allclose(mean, np.nanmean(x, axis=0), rtol=1e-12)
        np.testing.assert_allclose(np.diag(covariance), np.nanvar(x, axis=0), rtol=1e-8)

    def test_parts_are_added_up(self, monkeypatch):
        x = with_gaps(unlike_rows())
        whole = Table(x, np.ones(203), has_missing=True).moments()
        monkeypatch.setattr("isthmus.mixtures._rows._MEASURED_ROWS", 10)
        parts = Table(x, np.ones(203), has_missing=True).moments()
        for a, b in zip(whole, parts, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)

    @pytest.mark.parametrize("value", [0.1, 1e6 / 3, -7.7e-5])
    def test_a_column_that_does_not_vary_has_no_variance_at_all(self, value):
        x = unlike_rows()
        x[:, 2] = value
        x[:5, 2] = 99.0
        weight = np.r_[np.zeros(5), np.random.default_rng(0).uniform(0.1, 1.0, size=198)]
        mean, covariance = Table(x, weight).moments()
        assert mean[2] == value
        assert not np.any(covariance[2])

    def test_single_precision_loses_nothing(self):
        x = (rows_of(203) + 1e4).astype(np.float32)
        mean, covariance = Table(x, np.ones(203)).moments()
        np.testing.assert_allclose(mean, x.astype(float).mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(covariance, np.cov(x.astype(float).T, bias=True), rtol=1e-10)


@pytest.fixture
def short_chunks(monkeypatch):
    monkeypatch.setattr("isthmus.mixtures._rows.chunk_size", lambda *_: 64)


@pytest.mark.usefixtures("short_chunks")
class TestBlocks:
    def test_every_row_is_in_one_place(self):
        x, weight = unlike_rows(), np.random.default_rng(0).uniform(size=203)
        table = Table(x, weight)
        whitening = found_whitening(PARTS["full"], table)
        seen = []
        blocks = list(table.numbered_blocks(whitening, 3, np.float32, n_bytes=100 * N_DIMS * 4))
        for numbers, rows in blocks:
            there = numbers >= 0
            seen.append(numbers[there])
            np.testing.assert_allclose(np.swapaxes(rows.x, 1, 2)[there], whitening(x[numbers[there]]), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(rows.weight[there], weight[numbers[there]], rtol=1e-6)
            assert not np.any(np.asarray(rows.weight)[~there])
        np.testing.assert_array_equal(np.concatenate(seen), np.arange(203))
        assert len(blocks) == table.n_blocks(3, np.float32, n_bytes=100 * N_DIMS * 4) == 4

    def test_the_rows_of_a_chunk_lack_the_same_values(self):
        x = with_gaps(unlike_rows())
        table = Table(x, np.ones(203), has_missing=True)
        whitening = found_whitening(PARTS["full"], table)
        seen = []
        for numbers, rows in table.numbered_blocks(whitening, 3, np.float32, n_bytes=100 * N_DIMS * 4):
            for own, chunk, observed in zip(numbers, np.asarray(rows.x), np.asarray(rows.observed), strict=True):
                there = own[own >= 0]
                seen.append(there)
                expected = np.broadcast_to(observed > 0, (len(there), N_DIMS))
                np.testing.assert_array_equal(~np.isnan(x[there]), expected)
                np.testing.assert_allclose(chunk.T[own >= 0][expected], whitening(x[there])[expected], rtol=1e-5, atol=1e-6)
                assert np.all(np.isfinite(chunk))
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(203))

    def test_many_patterns_do_not_make_long_chunks_of_padding(self):
        x = with_gaps(rows_of(400), 0.5)
        table = Table(x, np.ones(400), has_missing=True)
        ((_, rows),) = table.numbered_blocks(found_whitening(PARTS["full"], table), 3, np.float32)
        assert rows.weight.size < 4 * 400

    def test_a_chunk_is_a_power_of_two_and_no_longer_than_the_table_or_memory_asks(self):
        for n_rows, n_components, n_dims in [(1, 1, 1), (100, 3, 4), (10**7, 10, 10), (10**7, 300, 800)]:
            size = chunk_size(n_rows, n_components, n_dims)
            assert size & (size - 1) == 0
            assert size <= max(2 * n_rows, 16)
        assert chunk_size(10**7, 10, 10) * (10 * 13 // 2 + 10) <= 2**21

    def test_whitening_is_undone(self):
        for factor in (np.array([2.0, 0.5]), np.array([[2.0, 1.0], [0.0, 0.5]])):
            whitening = Whitening(np.array([10.0, -3.0]), factor)
            x = np.random.default_rng(0).normal(size=(5, 2))
            np.testing.assert_allclose(whitening.undone(whitening(x)), x, rtol=1e-12)
            np.testing.assert_allclose(
                whitening.log_factors().sum(), np.log(np.linalg.det(factor if factor.ndim == 2 else np.diag(factor)))
            )


def halves(blocks):
    """The chunks of one block as two blocks."""
    (rows,) = blocks()
    middle = len(rows.weight) // 2
    return [jax.tree.map(lambda leaf, cut=cut: leaf[cut], rows) for cut in (slice(middle), slice(middle, None))]


@pytest.mark.usefixtures("double", "short_chunks")
class TestPasses:
    @pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
    @pytest.mark.parametrize("accelerated", [False, True], ids=["plain", "accelerated"])
    def test_many_blocks_lead_where_one_does(self, gaps, accelerated):
        part, x = PARTS["full"], rows_of(256)
        table = Table(with_gaps(x, 0.1) if gaps else x, np.ones(256), has_missing=gaps)
        blocks = functools.partial(table.blocks, found_whitening(part, table), 3, np.float64)
        settings = Limits(1e-4, 40), Prior(1.0, 1e-6), NOTHING_FIXED
        whole = compiled_run(part, random_mixture(part), next(blocks()), *settings, accelerated=accelerated)
        several = functools.partial(halves, blocks) if gaps else functools.partial(blocks, n_bytes=64 * N_DIMS * 8)
        assert len(list(several())) > 1
        found = run_blocks(part, random_mixture(part), several, *settings, accelerated=accelerated)
        assert (found.n_iter, found.converged) == (int(whole.n_iter), bool(whole.converged))
        np.testing.assert_allclose(found.value, whole.value, rtol=1e-9)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8), found.mixture, whole.mixture)

    def test_blocks_stop_after_as_many_iterations_as_were_asked_for(self):
        part, table = PARTS["spherical"], Table(rows_of(256), np.ones(256))
        whitening = found_whitening(part, table)
        counted = []

        def blocks():
            counted.append(1)
            return table.blocks(whitening, 3, np.float64)

        run = run_blocks(part, random_mixture(part), blocks, Limits(0.0, 3), Prior(0.0, 0.0))
        assert run.n_iter == 3
        assert not run.converged
        assert len(counted) == 4  # and once more for the value


def sizes(jaxpr):
    """How many numbers each intermediate array of a program has, loops included."""
    for equation in jaxpr.eqns:
        yield from (variable.aval.size for variable in equation.outvars if hasattr(variable.aval, "size"))
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda leaf: hasattr(leaf, "eqns") or hasattr(leaf, "jaxpr")):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                yield from sizes(getattr(inner, "jaxpr", inner))


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
class TestMemory:
    """No pass writes a number for each row and component."""

    n_chunks, size = 64, 256
    n_all = 64 * 256 * 3  # rows times components

    def rows(self, *, gaps=False):
        shapes = (self.n_chunks, N_DIMS, self.size), (self.n_chunks, self.size), (self.n_chunks, N_DIMS)
        arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
        return Chunks(*arrays[: 3 if gaps else 2])

    def largest(self, function, *args):
        # Rows in their own dimensions are there at once, on their way into the loop; what comes of them is not.
        found = [size for size in sizes(jax.make_jaxpr(function)(*args).jaxpr) if size != self.n_chunks * self.size * N_DIMS]
        assert found
        return max(found)

    @pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
    @pytest.mark.parametrize("accelerated", [False, True], ids=["plain", "accelerated"])
    def test_a_run(self, part, gaps, accelerated):
        mixture = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float32), random_mixture(part))
        run = functools.partial(run_em, part, limits=Limits(1e-5, 100), prior=Prior(1e-3, 1e-6), accelerated=accelerated)
        assert self.largest(run, mixture, self.rows(gaps=gaps)) < self.n_all // 4

    def test_a_pass_and_the_moments_of_labels(self, part):
        mixture = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float32), random_mixture(part))
        labels = jax.ShapeDtypeStruct((self.n_chunks, self.size), jnp.int32)
        for function in (expectation, compiled_whole_moments):
            assert self.largest(functools.partial(function, part), mixture, self.rows()) < self.n_all // 4
        assert self.largest(lambda *args: labeled_moments(part, *args), labels, self.rows(), mixture) < self.n_all // 4

    def test_it_would_be_seen(self, part):
        mixture = random_mixture(part)

        def at_once(rows):
            return jnp.exp(part.log_joint(part.prepared(mixture), jnp.swapaxes(rows.x, 0, 1).reshape(N_DIMS, -1))[0])

        assert self.largest(at_once, self.rows()) >= self.n_all
