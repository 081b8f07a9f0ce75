"""Starts, moves of single components, and the search that makes one mixture of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.mixture import GaussianMixture

from isthmus.mixtures import (
    Diagonal,
    Full,
    Limits,
    Mixture,
    Prior,
    Search,
    Setting,
    Spherical,
    Starts,
    Table,
    Tied,
    best_mixture,
    found_whitening,
    labeled_mixture,
    mean_log_likelihood,
    mixture_of_labels,
    nearest_labels,
    run_em,
    run_starts,
)
from isthmus.mixtures import _search as search_module
from isthmus.mixtures._starts import seeded_labels
from isthmus.mixtures._swaps import Moves, run_swaps
from mixtures.tables import N_COMPONENTS, N_DIMS, chunked, dense, rows_of

KMEANS = (False, 10, False)
CORNERS = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.0]])


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def blobs(sizes=(50, 50, 50, 50), centers=CORNERS, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return centers[labels] + rng.normal(size=(len(labels), centers.shape[1])), labels


def searching(**changes):
    """A small search."""
    few = {"kinds": (KMEANS, (True, 0, True)), "n_starts": 4, "n_kept": 2, "n_swaps": 0, "n_refined": 2}
    return Search(**{**few, "limits": Limits(1e-6, 100), "prior": Prior(1e-3, 1e-6), "accelerated": False, **changes})


def setting_of(x, n_components=4, part=None):
    part = part or Full()
    return Setting(part, n_components, found_whitening(part, Table(x, np.ones(len(x)))), np.float32)


@functools.partial(jax.jit, static_argnames="n_components")
def seeded(x, weight, n_components, starts):
    """The labels of several starts."""
    return jax.vmap(lambda start: seeded_labels(x, weight, n_components, start))(starts)


def starts_of(n, n_components, *, uniform=False, n_steps=0, seed=0):
    chance = np.random.default_rng(seed).uniform(size=(n, n_components)).astype(np.float32)
    return Starts(jnp.asarray(chance), jnp.full(n, uniform), jnp.full(n, n_steps))


class TestSeeds:
    x, labels = blobs((4, 60, 120), CORNERS[:3] * 10)
    weight = jnp.ones(184, jnp.float32)

    def found(self, weight=None, **how):
        return np.asarray(seeded(jnp.asarray(self.x, jnp.float32), self.weight if weight is None else weight, 3, starts_of(40, 3, **how)))

    def n_recovered(self, found):
        """In how many starts each blob is one cluster."""
        same = self.labels[:, None] == self.labels
        return sum(np.array_equal(own[:, None] == own, same) for own in found)

    def test_far_rows_are_found_by_distance_and_seldom_by_chance(self):
        assert self.n_recovered(self.found()) >= 38
        assert self.n_recovered(self.found(uniform=True)) < 20

    def test_any_row_is_as_likely_as_another(self):
        # One of two centers is among 4 of 184 rows about as often as either of two draws is.
        x, labels = blobs((4, 180), CORNERS[:2] * 10)
        found = np.asarray(seeded(jnp.asarray(x, jnp.float32), self.weight, 2, starts_of(400, 2, uniform=True)))
        split = [len(set(own[labels == 0])) == 1 and not set(own[labels == 0]) & set(own[labels == 1]) for own in found]
        expected = 2 * (4 / 184) * (180 / 183)
        assert abs(np.mean(split) - expected) < 3 * np.sqrt(expected / 400)

    def test_steps_of_k_means_end_where_clusters_are_nearest_to_their_means(self):
        x, _ = blobs((60, 60, 64), CORNERS[:3] / 3)
        weight = np.random.default_rng(1).integers(1, 4, size=184).astype(np.float32)
        for own in np.asarray(seeded(jnp.asarray(x, jnp.float32), jnp.asarray(weight), 3, starts_of(4, 3, uniform=True, n_steps=200))):
            means = np.stack([np.average(x[own == k], axis=0, weights=weight[own == k]) for k in range(3)])
            np.testing.assert_array_equal(own, np.argmin(cdist(x, means), axis=1))

    def test_more_steps_bring_rows_nearer_to_their_means(self):
        x, _ = blobs((60, 60, 64), CORNERS[:3] / 3)

        def inertia(n_steps):
            found = np.asarray(seeded(jnp.asarray(x, jnp.float32), self.weight, 3, starts_of(8, 3, n_steps=n_steps)))
            return np.array([sum(np.sum((x[own == k] - x[own == k].mean(axis=0)) ** 2) for k in set(own)) for own in found])

        assert np.all(inertia(10) <= inertia(1) + 1e-3)
        assert np.mean(inertia(10)) < np.mean(inertia(0))

    def test_rows_of_no_weight_are_no_centers(self):
        weight = self.weight.at[:4].set(0.0)
        for own in self.found(weight):
            assert set(own[:4]) <= set(own[4:])

    def test_fewer_different_rows_than_components_leave_clusters_empty(self):
        x = jnp.asarray(np.repeat(CORNERS[:2], 92, axis=0), jnp.float32)
        for own in np.asarray(seeded(x, self.weight, 3, starts_of(6, 3, n_steps=5))):
            assert len(set(own[:92])) == len(set(own[92:])) == 1
            assert own[0] != own[92]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("part", "kind"), [(Full(), "full"), (Tied(), "tied"), (Diagonal(), "diag"), (Spherical(), "spherical")])
def test_the_mixture_of_labels_is_that_of_scikit_learn(part, kind):
    x = rows_of(150)
    labels = np.random.default_rng(0).integers(N_COMPONENTS, size=150)
    reference = GaussianMixture(N_COMPONENTS, covariance_type=kind, reg_covar=1e-6)
    reference._initialize(x, np.eye(N_COMPONENTS)[labels])
    padded = np.zeros((3, 64), int)
    padded.reshape(-1)[:150] = labels
    mixture = mixture_of_labels(part, jnp.asarray(padded), chunked(x, 64), N_COMPONENTS, Prior(0.0, 1e-6))
    np.testing.assert_allclose(np.exp(mixture.log_weight), reference.weights_, rtol=1e-9)
    np.testing.assert_allclose(mixture.mean, reference.means_, rtol=1e-9)
    np.testing.assert_allclose(part.compact(dense(part, mixture.spread)), reference.covariances_, rtol=1e-7, atol=1e-9)


def test_a_label_that_no_row_has_is_a_component_of_no_weight():
    rows = chunked(rows_of(64), 64, dtype=jnp.float32)
    mixture = mixture_of_labels(Full(), jnp.zeros((1, 64), int), rows, N_COMPONENTS, Prior(1.0, 0.0))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(mixture))
    np.testing.assert_allclose(np.exp(mixture.log_weight), [1.0, 0.0, 0.0], atol=1e-6)


class TestLabels:
    def test_rows_belong_to_the_nearest_of_given_means(self):
        x, labels = blobs()
        found = nearest_labels(setting_of(x), Table(x, np.ones(200)), searching(), CORNERS, np.random.default_rng(0))
        np.testing.assert_array_equal(found, labels)

    def test_distances_are_those_of_whitened_rows(self):
        x = np.random.default_rng(0).normal(size=(300, 2)) * [1.0, 1000.0]
        means = np.array([[-1.0, 0.0], [1.0, 0.0]])
        found = nearest_labels(setting_of(x, 2), Table(x, np.ones(300)), searching(), means, np.random.default_rng(0))
        whitened = setting_of(x, 2).whitening
        np.testing.assert_array_equal(found, np.argmin(cdist(whitened(x), whitened(means)), axis=1))
        assert np.mean(found == (x[:, 0] > 0)) > 0.9

    def test_without_means_k_means_finds_them_whatever_the_padding(self):
        # 290 rows are padded with 222 of no weight. Were those counted, one center would be drawn to the middle.
        x = np.linspace(-1.0, 1.0, 290)[:, None]
        found = nearest_labels(setting_of(x, 2), Table(x, np.ones(290)), searching(), None, np.random.default_rng(0))
        assert max(np.mean(found == (x[:, 0] > 0.0)), np.mean(found == (x[:, 0] < 0.0))) > 0.98

    @pytest.mark.usefixtures("double")
    def test_a_mixture_of_labels_is_the_same_from_many_blocks(self, monkeypatch):
        x, labels = blobs((60, 50, 40, 55))
        setting = setting_of(x)._replace(dtype=np.float64)
        table, shuffled = Table(x, np.random.default_rng(0).uniform(size=205)), np.random.default_rng(1).permutation(labels)
        whole = labeled_mixture(setting, table, shuffled, Prior(1.0, 0.0))
        monkeypatch.setattr("isthmus.mixtures._rows._BLOCK_BYTES", 1)
        monkeypatch.setattr("isthmus.mixtures._rows.chunk_size", lambda *_: 32)
        parts = labeled_mixture(setting, table, shuffled, Prior(1.0, 0.0))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), parts, whole)


class TestSwaps:
    """Two components in one blob and one for two others: where iterations end, and one move helps."""

    def stuck(self):
        x, labels = blobs()
        rows = chunked((x - x.mean(axis=0)) / x.std(axis=0), 256, dtype=jnp.float32)
        flat = np.asarray(rows.x, np.float64)[0].T[:200]
        members = flat[:25], flat[25:50], flat[50:150], flat[150:]
        spread = Full().of_covariances(np.stack([np.cov(own.T) for own in members]))
        mixture = Mixture(np.log([0.125, 0.125, 0.5, 0.25]), np.stack([own.mean(axis=0) for own in members]), spread)
        return rows, labels, jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), mixture)

    def swapped(self, component, row):
        rows, _, mixture = self.stuck()
        settings = Limits(1e-5, 50), Prior(1e-3, 1e-6)
        mixtures, own = jax.tree.map(lambda leaf: leaf[None], (mixture, rows))
        moves = Moves(jnp.asarray([[0, component]]), jnp.asarray([[0, row]]))
        return run_swaps(Full(), mixtures, own, own, settings, moves)

    def test_a_move_that_helps_is_kept_and_another_is_not(self):
        rows, _, mixture = self.stuck()
        stuck = run_em(Full(), mixture, rows, Limits(1e-5, 50), Prior(1e-3, 1e-6))
        helped, not_helped = self.swapped(0, 60), self.swapped(3, 10)
        np.testing.assert_allclose(not_helped.value[0], stuck.value, atol=1e-4)
        assert helped.value[0] > stuck.value + 0.2
        np.testing.assert_allclose(np.exp(helped.mixture.log_weight[0]), 0.25, atol=0.02)

    def test_the_value_is_that_of_the_mixture(self):
        rows, _, _ = self.stuck()
        run = self.swapped(0, 60)
        mixture = jax.tree.map(lambda leaf: leaf[0], run.mixture)
        share = 1e-3 * Full().log_prior(mixture.spread, 2) / 200
        np.testing.assert_allclose(run.value[0], mean_log_likelihood(Full(), mixture, rows) + share, atol=1e-5)


class TestSearch:
    def test_the_run_that_is_kept_has_the_highest_value_on_all_rows(self, monkeypatch):
        x, _ = blobs(centers=CORNERS / 3)
        runs = []

        def finished(*args):
            runs.append(search_module_finished(*args))
            return runs[-1]

        search_module_finished = search_module.finished
        monkeypatch.setattr(search_module, "finished", finished)
        best = best_mixture(setting_of(x), Table(x, np.ones(200)), searching(), np.random.default_rng(0))
        assert len(runs) == 2
        assert float(best.value) == max(float(run.value) for run in runs)

    def test_a_run_that_went_wrong_is_not_kept(self, monkeypatch):
        x, _ = blobs()
        right = search_module.finished
        values = iter([np.nan, 1.0])
        monkeypatch.setattr(search_module, "finished", lambda *args: right(*args)._replace(value=next(values)))
        assert best_mixture(setting_of(x), Table(x, np.ones(200)), searching(), np.random.default_rng(0)).value == 1.0

    def test_starts_are_judged_by_rows_held_out(self):
        x = rows_of(200)
        setting = setting_of(x, N_COMPONENTS)
        rows, held = (chunked(setting.whitening(part), 128, dtype=jnp.float32) for part in (x[:120], x[120:]))
        view = jnp.swapaxes(rows.x, 1, 2).reshape(-1, N_DIMS)
        settings = Limits(1e-4, 20), Prior(4.0, 0.0), Prior(1e-3, 1e-6)
        runs, scores = run_starts(Full(), N_COMPONENTS, view, rows, rows, held, starts_of(3, N_COMPONENTS, n_steps=5), settings)
        for index in range(3):
            mixture = jax.tree.map(lambda leaf, index=index: leaf[index], runs.mixture)
            np.testing.assert_allclose(scores[index], mean_log_likelihood(Full(), mixture, held), rtol=1e-5)

    @pytest.mark.parametrize("n_starts", [64, 7])
    def test_all_starts_are_one_program(self, n_starts, monkeypatch):
        x, _ = blobs((30, 30, 30, 30))
        kinds = [(False, 10, False), (False, 0, False), (True, 0, False), (False, 10, True), (False, 0, True), (True, 0, True)]
        drawn = []

        def spied(*args):
            drawn.append(args[6])
            return run_starts(*args)

        monkeypatch.setattr(search_module, "run_starts", spied)
        before = run_starts._cache_size()
        for seed in range(2):
            rng = np.random.default_rng(seed)
            best_mixture(setting_of(x), Table(x, np.ones(120)), searching(kinds=kinds, n_starts=n_starts), rng)
        assert run_starts._cache_size() - before == 1
        sizes = [len(starts.chance) for starts in drawn]
        assert len(set(sizes)) == 1
        assert n_starts <= sum(sizes) // 2 <= n_starts + 2
        of_each = [pair for starts in drawn for pair in zip(starts.uniform.tolist(), starts.n_steps.tolist(), strict=True)]
        assert set(of_each) == {kind[:2] for kind in kinds}

    def test_what_memory_does_not_hold_is_several_runs_of_one_program(self, monkeypatch):
        x, _ = blobs((30, 30, 30, 31))
        monkeypatch.setattr(search_module, "_PER_PROGRAM", 3 * 4 * (4 + 2 * 128))
        sizes = []

        def spied(*args):
            sizes.append(len(args[6].chance))
            return run_starts(*args)

        monkeypatch.setattr(search_module, "run_starts", spied)
        before = run_starts._cache_size()
        best_mixture(setting_of(x), Table(x, np.ones(121)), searching(n_starts=9), np.random.default_rng(0))
        assert run_starts._cache_size() - before <= 1
        assert sizes == [3, 3, 3, 3]

    def test_rows_that_do_not_count_change_nothing(self):
        x, _ = blobs((30, 30, 30, 30))
        outside = np.concatenate([x, np.full((40, 2), 1e3)])
        weight = np.r_[np.ones(120), np.zeros(40)]
        best = best_mixture(setting_of(x), Table(outside, weight), searching(), np.random.default_rng(0))
        alone = best_mixture(setting_of(x), Table(x, np.ones(120)), searching(), np.random.default_rng(0))
        np.testing.assert_allclose(best.value, alone.value, atol=1e-4)
