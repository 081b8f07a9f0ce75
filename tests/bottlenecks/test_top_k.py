"""The largest activations of a row, and what is done about units that nobody uses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bottlenecks.calls import call
from isthmus import Autoencoder
from isthmus.architectures import Linear
from isthmus.bottlenecks import BatchTopK, JumpRelu, TopK
from isthmus.bottlenecks._base_sparse import Units, n_in_use
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(9, 12))


def called(part, state, hidden=HIDDEN, mask=None, weights=()):
    return call(part, weights, state, hidden, mask=mask)[:2]


def alive(n_units=12):
    return Units(np.zeros(n_units, np.float32), ())


class TestSelection:
    @pytest.mark.parametrize("k", [1, 3, 12])
    def test_keeps_the_k_largest_of_each_row(self, k):
        hidden = np.abs(HIDDEN)
        code = np.asarray(called(TopK(k), alive(), hidden)[0].code)
        assert np.all((code > 0).sum(axis=1) == k)
        kept = np.where(hidden >= np.sort(hidden, axis=1)[:, [-k]], hidden, 0)
        np.testing.assert_array_equal(code, np.float32(kept))
        np.testing.assert_array_equal(TopK(k).encode((), alive(), jnp.asarray(hidden)), code)

    def test_keeps_exactly_k_of_equal_ones(self):
        code = np.asarray(called(TopK(3), alive(), np.ones((2, 12)))[0].code)
        np.testing.assert_array_equal((code > 0).sum(axis=1), [3, 3])

    def test_keeps_nothing_that_is_not_positive(self):
        assert not np.any(called(TopK(3), alive(), -np.abs(HIDDEN))[0].code)

    def test_keeps_an_eighth_where_nothing_is_said(self):
        assert [n_in_use(None, n_units) for n_units in (64, 16, 3)] == [8, 2, 1]
        assert np.sum(called(TopK(), alive(), np.ones((1, 12)))[0].code) == 1.0

    def test_passes_the_gradient_to_what_is_kept(self):
        slope = jax.grad(lambda hidden: jnp.sum(called(TopK(3), alive(), hidden)[0].code))(jnp.asarray(HIDDEN))
        np.testing.assert_array_equal(slope, np.asarray(called(TopK(3), alive())[0].code) > 0)

    @pytest.mark.parametrize("part", [TopK, BatchTopK])
    def test_more_than_there_are_is_refused(self, part):
        with pytest.raises(PartError, match=r"k`=5 is more than the `latent_dim`=4 units that there are. Give a smaller `k`"):
            Parts(Linear(), SquaredError(), data_shape=(5,), latent_shape=(4,), bottleneck=part(5))

    @pytest.mark.parametrize("part", [TopK, BatchTopK, JumpRelu])
    def test_codes_of_several_axes_are_refused(self, part):
        with pytest.raises(PartError, match=r"is for codes of one axis.* Use 'deterministic'"):
            Parts(Linear(), SquaredError(), data_shape=(5,), latent_shape=(2, 2), bottleneck=part())


def sparse(part):
    """A sparse bottleneck's weights, and its state with units 3 and 5 idle for long, which `RARE` does not use."""
    weights, state = part.init((12,), rng=np.random.default_rng(0))
    return weights, state._replace(idle=np.where(np.isin(np.arange(12), (3, 5)), np.float32(200.0), np.float32(0.0)))


RARE = HIDDEN.copy()
RARE[:, [3, 5]] = -np.abs(RARE[:, [3, 5]])


@pytest.mark.parametrize("part", [TopK, BatchTopK, JumpRelu])
class TestDeadUnits:
    def test_are_those_that_no_row_has_used_for_long(self, part):
        weights, state = sparse(part())
        latent, after = called(part(), state, RARE, weights=weights)
        in_use = np.any(np.asarray(latent.code) > 0, axis=0)
        np.testing.assert_array_equal(after.idle, np.where(in_use, 0, state.idle + 1))
        np.testing.assert_allclose(latent.reports["dead_units"], 2 / 12, rtol=1e-6)
        for dead_after, share in ((200.0, 2 / 12), (201.0, 0.0)):
            reports = called(part(dead_after=dead_after), state, RARE, weights=weights)[0].reports
            np.testing.assert_allclose(reports["dead_units"], share, rtol=1e-6)

    def test_rows_of_padding_use_nothing(self, part):
        weights, state = part().init((12,), rng=np.random.default_rng(0))
        latent, after = called(part(), state, RARE, np.zeros(9), weights=weights)
        np.testing.assert_array_equal(after.idle, 1.0)
        assert latent.reports.get("l0", 0.0) == 0.0

    def test_have_no_part_in_the_code(self, part):
        weights, state = sparse(part())
        fresh = state._replace(idle=np.zeros(12, np.float32))
        codes = [called(part(), each, RARE, weights=weights)[0].code for each in (state, fresh)]
        np.testing.assert_array_equal(*codes)

    def test_have_the_gradient_of_the_papers_second_reconstruction(self, part):
        decoder, target = jnp.asarray(RNG.normal(size=(12, 6))), jnp.asarray(RNG.normal(size=(9, 6)))
        weights, state = sparse(part(revival=0.25))

        def cost(hidden):
            return jnp.sum(jnp.square(target - called(part(revival=0.25), state, hidden, weights=weights)[0].code @ decoder))

        def second(dead, error):
            return jnp.sum(jnp.square(error - dead @ decoder[jnp.asarray([3, 5])]))

        code = called(part(), state, RARE, weights=weights)[0].code
        expected = jax.grad(second)(jnp.zeros((9, 2)), target - code @ decoder)
        slope = jax.grad(cost)(jnp.asarray(RARE))
        np.testing.assert_allclose(slope[:, [3, 5]], 0.25 * expected, rtol=1e-4, atol=1e-5)
        unused = np.asarray(code == 0.0) & ~np.isin(np.arange(12), (3, 5))
        assert not np.any(np.asarray(slope)[unused])

    def test_rest_where_no_revival_is_wanted(self, part):
        weights, state = sparse(part())
        slope = jax.grad(lambda hidden: jnp.sum(called(part(revival=0.0), state, hidden, weights=weights)[0].code))(jnp.asarray(RARE))
        assert not np.any(slope[:, [3, 5]])


def test_a_dead_unit_comes_to_life():
    """One that would lower the error, and whose activation is negative for every row, is in use after some steps of descent."""
    rows = jnp.asarray(np.abs(RNG.normal(size=(40, 1))))

    def step(carry, _):
        offset, state, part = carry

        def cost(offset):
            hidden = rows * jnp.asarray([1.0, 0.5]) + jnp.stack([0.0, offset])
            latent, after = part((), state, hidden, None, mask=jnp.ones(40), progress=0.5, key=jax.random.key(0))
            return jnp.mean(jnp.square(rows - latent.code @ jnp.asarray([[0.1], [1.0]]))), after

        slope, after = jax.grad(cost, has_aux=True)(offset)
        return (offset - 0.5 * slope, after, part), after.idle[1]

    def idle(revival):
        part = TopK(2, dead_after=10.0, revival=revival)
        start = jax.tree.map(jnp.float32, (-3.0, alive(2), part))
        return np.asarray(jax.lax.scan(step, start, length=200)[1])

    assert idle(0.0)[-1] == 200.0
    assert idle(0.1).max() < 150.0
    assert idle(0.1)[-1] == 0.0


def test_units_in_use_are_counted():
    mask = [1] * 5 + [0] * 4
    latent, _ = called(TopK(3), alive(), mask=mask)
    np.testing.assert_allclose(latent.reports["l0"], np.minimum((HIDDEN[:5] > 0).sum(axis=1), 3).mean(), rtol=1e-6)


def test_the_history_has_what_is_in_use_and_what_is_explained():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(200, 6))
    options = {"bottleneck": TopK(3), "max_epochs": 40, "validation_fraction": None, "patience": None, "random_state": 0}
    autoencoder = Autoencoder(12, **options).fit(X)
    history = autoencoder.history_
    explained = 1.0 - np.sum((X - autoencoder.reconstruct(X)) ** 2) / np.sum((X - X.mean(axis=0)) ** 2)
    np.testing.assert_allclose(history["explained_variance"][-1], explained, atol=0.02)
    assert history["explained_variance"][0] < explained
    assert np.all(history["l0"] <= 3.0)
    assert np.all((history["dead_units"] >= 0.0) & (history["dead_units"] <= 1.0))
