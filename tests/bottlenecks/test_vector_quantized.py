"""Codebooks: terms in closed form, entries that follow their vectors, the dead and their revival, and the numbers in the estimator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans

from bottlenecks.calls import call
from isthmus import Autoencoder, load
from isthmus.architectures import Linear
from isthmus.bottlenecks import VectorQuantized
from isthmus.bottlenecks._base_codebook import Codebooks
from isthmus.bottlenecks._clusters import cluster_centers, nearest_center
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(7, 6))


def with_entries(part, entries):
    """Weights and state of a bottleneck with these entries, (n_stages, n_codes, n_numbers)."""
    return part._of_entries(np.asarray(entries))


def entries_of(part, weights, state):
    return np.float64(part._entries(weights, state))


def called(part, weights, state, hidden, mask=None, key=None):
    return call(part, weights, state, hidden, mask=mask, key=key)[:2]


def nearest_by_hand(vectors, entries):
    return np.argmin(np.sum((vectors[:, None] - entries) ** 2, axis=2), axis=1)


ENTRIES = RNG.normal(size=(1, 9, 2))
PART = VectorQuantized(9, n_groups=3)
CHOSEN = nearest_by_hand(HIDDEN.reshape(-1, 2), ENTRIES[0])
CODES = ENTRIES[0][CHOSEN].reshape(7, 6)


class TestCode:
    @pytest.mark.parametrize("update", ["moving_average", "gradient"])
    def test_is_made_of_the_nearest_entries_to_the_last_bit(self, update):
        part = VectorQuantized(9, n_groups=3, update=update)
        weights, state = with_entries(part, ENTRIES)
        latent, _, indices, encoded = call(part, weights, state, HIDDEN, indexed=True)
        np.testing.assert_array_equal(latent.code, np.float32(CODES))
        np.testing.assert_array_equal(encoded, np.float32(CODES))
        np.testing.assert_array_equal(indices, CHOSEN.reshape(7, 3))

    def test_hands_the_decoders_gradient_to_the_encoder_unchanged(self):
        weights, state = with_entries(PART, ENTRIES)
        factor = jnp.asarray(RNG.normal(size=(7, 6)))
        slope = jax.grad(lambda hidden: jnp.sum(factor * called(PART, weights, state, hidden)[0].code))(jnp.asarray(HIDDEN))
        np.testing.assert_array_equal(slope, factor)

    def test_of_any_vector_is_near(self):
        weights, state = with_entries(PART, ENTRIES)
        halfway = jnp.asarray(0.5 * (CODES[:1] + CODES[1:2]))
        expected = ENTRIES[0][nearest_by_hand(np.float64(halfway).reshape(-1, 2), ENTRIES[0])].reshape(1, 6)
        np.testing.assert_allclose(PART.nearest(weights, state, halfway), expected, rtol=1e-6)
        np.testing.assert_array_equal(PART.nearest(weights, state, jnp.asarray(CODES[:1])), np.float32(CODES[:1]))


class TestTerms:
    def test_of_a_row_are_the_squared_distance_in_any_batch(self):
        part = VectorQuantized(9, n_groups=3, update="gradient")
        weights, state = with_entries(part, ENTRIES)
        expected = np.sum((HIDDEN - CODES) ** 2, axis=1)
        for rows in (np.arange(7), np.tile(RNG.permutation(7), 3), [4]):
            terms = called(part, weights, state, HIDDEN[rows])[0].terms
            assert set(terms) == set(part.term_weights(0.5)) == {"commitment", "codebook"}
            for term in terms.values():
                np.testing.assert_allclose(term, expected[rows], rtol=1e-5)

    @pytest.mark.parametrize("n_groups", [1, 4])
    def test_do_not_depend_on_how_the_code_is_cut(self, n_groups):
        code = np.array([5.0, 0.0, -5.0, 5.0, 0.0, -5.0, 9.0, 9.0])
        hidden = code + 0.5 * RNG.normal(size=(4, 8))
        part = VectorQuantized(n_groups, n_groups=n_groups, update="gradient")
        weights, state = with_entries(part, code.reshape(1, n_groups, -1))
        latent, _ = called(part, weights, state, hidden)
        np.testing.assert_array_equal(latent.code, np.tile(code, (4, 1)))
        for term in latent.terms.values():
            np.testing.assert_allclose(term, np.sum((hidden - code) ** 2, axis=1), rtol=1e-5)

    def test_pull_the_encoder_by_commitment_and_the_entries_by_the_codebooks_own(self):
        part = VectorQuantized(9, n_groups=3, update="gradient")
        weights, state = with_entries(part, ENTRIES)

        def cost(name, weights, hidden):
            return jnp.sum(called(part, weights, state, hidden)[0].terms[name])

        hidden, vectors = jnp.asarray(HIDDEN), HIDDEN.reshape(-1, 2)
        to_entries, to_hidden = jax.grad(cost, argnums=(1, 2))("commitment", weights, hidden)
        np.testing.assert_allclose(to_hidden, 2 * (HIDDEN - CODES), rtol=1e-4, atol=1e-6)
        assert not np.any(to_entries)
        to_entries, to_hidden = jax.grad(cost, argnums=(1, 2))("codebook", weights, hidden)
        expected = [2 * np.sum(ENTRIES[0][code] - vectors[code == CHOSEN], axis=0) for code in range(9)]
        np.testing.assert_allclose(to_entries[0], expected, rtol=1e-4, atol=1e-6)
        assert not np.any(to_hidden)

    def test_are_weighed_by_the_commitment(self):
        assert VectorQuantized(commitment=0.7).term_weights(0.0) == {"commitment": 0.7}
        assert VectorQuantized(commitment=0.7, update="gradient").term_weights(0.0) == {"commitment": 0.7, "codebook": 1.0}


class TestMovingAverage:
    @pytest.mark.parametrize("decay", [0.99, 0.5])
    def test_is_the_papers_of_counts_and_sums(self, decay):
        part = VectorQuantized(9, n_groups=3, decay=decay, revival=False)
        weights, state = with_entries(part, ENTRIES)
        counts, sums, rng = np.ones(9), ENTRIES[0].copy(), np.random.default_rng(1)
        mask = [1, 1, 1, 1, 1, 0, 0]
        for _ in range(5):
            hidden = rng.normal(size=(7, 6))
            vectors = hidden[:5].reshape(-1, 2)
            members = np.eye(9)[nearest_by_hand(vectors, sums / counts[:, None])]
            counts, sums = decay * counts + (1 - decay) * members.sum(axis=0), decay * sums + (1 - decay) * members.T @ vectors
            _, state = called(part, weights, state, hidden, mask)
        np.testing.assert_allclose(state.sizes[0], counts, rtol=1e-5)
        np.testing.assert_allclose(state.entries[0], sums / counts[:, None], rtol=1e-4, atol=1e-5)

    def test_without_a_past_is_the_batchs_means_and_leaves_the_unused_where_they_are(self):
        part = VectorQuantized(2, decay=0.0, revival=False)
        _, state = with_entries(part, [[[0.0, 0.0], [50.0, 50.0]]])
        _, state = called(part, (), state, HIDDEN[:, :2])
        np.testing.assert_allclose(state.entries[0], [HIDDEN[:, :2].mean(axis=0), [50.0, 50.0]], rtol=1e-5)

    def test_comes_to_the_means_of_clusters(self):
        means = np.array([[4.0, 0.0], [-4.0, 1.0], [0.0, -5.0]])
        rows = np.repeat(means, 40, axis=0) + 0.3 * RNG.normal(size=(120, 2))
        part = VectorQuantized(3, decay=0.5)
        _, state = with_entries(part, 0.5 * means[None])
        for _ in range(25):
            _, state = called(part, (), state, rows)
        np.testing.assert_allclose(state.entries[0], rows.reshape(3, 40, 2).mean(axis=1), rtol=1e-4, atol=1e-5)


class TestStart:
    BLOBS = np.repeat(10.0 * RNG.normal(size=(12, 3)), 30, axis=0) + 0.5 * RNG.normal(size=(360, 3))

    def test_is_nearer_to_the_rows_than_chance(self):
        part = VectorQuantized(12)
        weights, state = part.init((3,), rng=np.random.default_rng(0))
        _, started = part.start(weights, state, lambda: self.BLOBS, rng=np.random.default_rng(0))
        costs = [np.mean(called(part, (), each, self.BLOBS)[0].terms["commitment"]) for each in (state, started)]
        assert costs[1] < 0.1 * costs[0]

    def test_is_as_good_as_the_reference(self):
        def inertia(centers):
            return np.sum((self.BLOBS - centers[nearest_center(self.BLOBS, centers)]) ** 2)

        reference = KMeans(12, n_init=1, random_state=0).fit(self.BLOBS).inertia_
        found = [inertia(cluster_centers(self.BLOBS, 12, rng=np.random.default_rng(seed))) for seed in range(5)]
        np.testing.assert_allclose(min(found), reference, rtol=1e-6)
        assert max(found) < 0.05 * np.sum((self.BLOBS - self.BLOBS.mean(axis=0)) ** 2)

    @pytest.mark.parametrize("update", ["moving_average", "gradient"])
    def test_of_fewer_rows_than_entries_has_every_row(self, update):
        part = VectorQuantized(8, update=update)
        weights, state = part.start((), (), lambda: np.float32([[1, 2], [1, 2], [3, 4]]), rng=np.random.default_rng(0))
        assert {tuple(entry) for entry in entries_of(part, weights, state)[0]} == {(1.0, 2.0), (3.0, 4.0)}
        assert np.all(state.sizes == 1.0)


class TestRevival:
    @pytest.mark.parametrize("update", ["moving_average", "gradient"])
    def test_puts_a_dead_entry_on_a_row_that_counts(self, update):
        part = VectorQuantized(4, update=update)
        weights, state = with_entries(part, np.concatenate([HIDDEN[None, :3, :2], np.full((1, 1, 2), 80.0)], axis=1))
        state = state._replace(sizes=np.float32([[1, 1, 1, 0.01]]))
        hidden = np.concatenate([HIDDEN[:, :2], np.full((3, 2), 30.0)])
        found = []
        for seed in range(12):
            latent, after = called(part, weights, state, hidden, [1] * 7 + [0] * 3, jax.random.key(seed))
            entries = entries_of(part, weights, after)
            found.append(entries[0, 3])
            assert after.n_revived == latent.reports["revived_codes"] == 1.0
            assert latent.reports["dead_codes"] == 0.25
            np.testing.assert_allclose(4 * after.sizes[0, 3], np.sum(after.sizes[0, :3]) + 0.01, rtol=1e-3)
        distances = np.abs(np.array(found)[:, None] - HIDDEN[:, :2]).max(axis=2)
        assert np.all(distances.min(axis=1) < 1e-5)
        assert len(set(distances.argmin(axis=1))) > 2
        if update == "gradient":
            np.testing.assert_array_equal(after.entries[0, :3], 0.0)

    def test_is_left_out_where_not_wanted(self):
        part = VectorQuantized(2, revival=False)
        _, state = with_entries(part, [[[0.0, 0.0], [80.0, 80.0]]])
        latent, after = called(part, (), state._replace(sizes=np.float32([[1.0, 0.01]])), HIDDEN[:, :2])
        np.testing.assert_array_equal(after.entries[0, 1], [80.0, 80.0])
        assert (latent.reports["dead_codes"], after.n_revived) == (0.5, 0.0)

    def test_waits_for_the_share_that_was_asked_for(self):
        state = Codebooks(np.float32([[1.0, 0.2]]), np.float32([[[0.0, 0.0], [80.0, 80.0]]]), np.float32(0))
        shares = [
            called(VectorQuantized(2, dead_below=each), (), state, HIDDEN[:, :2])[0].reports["dead_codes"] for each in (0.0, 0.1, 0.9)
        ]
        assert shares == [0.0, 0.0, 0.5]


def test_perplexity_is_the_exponential_of_the_entropy():
    entries = np.array([[[0.0], [1.0], [2.0], [3.0]]])
    _, state = with_entries(VectorQuantized(4, n_groups=2), entries)
    hidden = np.array([[0, 0], [0, 0], [1, 1], [1, 2], [3, 3]]) + 0.1
    shares = np.array([4, 3, 1]) / 8
    latent, _ = called(VectorQuantized(4, n_groups=2), (), state, hidden, [1, 1, 1, 1, 0])
    np.testing.assert_allclose(latent.reports["perplexity"], np.exp(-np.sum(shares * np.log(shares))), rtol=1e-6)


def test_values_and_gradients_are_finite_however_far_the_rows_are():
    part = VectorQuantized(9, n_groups=3, update="gradient")
    weights, state = with_entries(part, ENTRIES)

    def cost(weights, hidden):
        latent, _ = called(part, weights, state, hidden)
        return jnp.sum(latent.code) + sum(jnp.sum(term) for term in latent.terms.values())

    for scale in (0.0, 1e15):
        values = cost(weights, scale * HIDDEN), jax.grad(cost, argnums=(0, 1))(weights, jnp.asarray(scale * HIDDEN))
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(values))


def test_groups_that_do_not_divide_the_code_are_refused():
    with pytest.raises(PartError, match=r"`n_groups`=3 vectors of equal length.*Choose a `latent_dim` that is a multiple"):
        Parts(Linear(), SquaredError(), data_shape=(5,), latent_shape=(4,), bottleneck=VectorQuantized(n_groups=3))


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(3).normal(size=(90, 10)) @ np.random.default_rng(4).normal(size=(10, 10))


@pytest.fixture(scope="module")
def fitted(table):
    return Autoencoder(8, bottleneck=VectorQuantized(16, n_groups=4), hidden_dims=(8,), max_epochs=8, random_state=0).fit(table)


class TestInTheEstimator:
    def test_the_history_has_the_use_of_the_codebook(self, fitted):
        assert np.all(fitted.history_["perplexity"] > 4.0)
        assert np.all(fitted.history_["perplexity"] <= 16.0)
        assert {"dead_codes", "revived_codes", "commitment", "val_perplexity"} <= set(fitted.history_)

    def test_codes_are_the_numbers_of_the_entries(self, fitted, table):
        numbers, entries = fitted.codes(table), np.asarray(fitted.model_.state.bottleneck.entries[0])
        assert numbers.shape == (90, 4)
        assert numbers.dtype == np.int32
        np.testing.assert_array_equal(entries[numbers].reshape(90, 8), fitted.transform(table))
        np.testing.assert_array_equal(fitted.codes(np.float32(table)[:3]), numbers[:3])

    def test_a_file_keeps_it_to_the_last_bit(self, fitted, table, tmp_path):
        fitted.save(tmp_path / "model.isthmus")
        again = load(tmp_path / "model.isthmus")
        np.testing.assert_array_equal(again.codes(table), fitted.codes(table))
        np.testing.assert_array_equal(again.transform(table), fitted.transform(table))
        np.testing.assert_array_equal(again.reconstruct(table), fitted.reconstruct(table))

    def test_codes_of_another_kind_have_no_numbers(self, table):
        autoencoder = Autoencoder(2, bottleneck="top_k", architecture="linear", max_epochs=1, random_state=0).fit(table)
        with pytest.raises(PartError, match=r"`TopK` codes are no whole numbers. Use a bottleneck that quantizes"):
            autoencoder.codes(table)
