"""Every optimizer through the one loop: alone, in a population, with halves that stand still, and from one run to the next."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.architectures import Linear
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Evaluation, Model, Objective, Parts
from isthmus.optimizers import AbstractOptimizer, Adam, Lbfgs, Lion, Prodigy, ScheduleFreeAdamw
from isthmus.regularizers import L1, L2
from isthmus.training import Plan, Rows, trace_count, train
from training.objectives import seeds

OPTIMIZERS = list(choices(AbstractOptimizer).values())
N_ROWS = 24
FROZEN = {"frozen": ("decoder",), "clip_norm": 1.0}


class Halves(NamedTuple):
    encoder: object
    decoder: object


def linear(weights, state, rows, shared, mask, **options):
    """Half the mean squared error of a linear autoencoder."""
    residuals = (rows @ weights.encoder["kernel"] + weights.encoder["bias"]) @ weights.decoder - rows
    return Evaluation(0.5 * jnp.sum(mask * jnp.sum(jnp.square(residuals), axis=1)) / jnp.sum(mask), {}, state)


def start(number=0):
    rng = np.random.default_rng(number)
    encoder = {"kernel": 0.5 * rng.normal(size=(5, 2)), "bias": np.zeros(2), "none": None}
    return jax.tree.map(np.float32, Halves(encoder, 0.5 * rng.normal(size=(2, 5))))


def table():
    rng = np.random.default_rng(1)
    x = np.zeros((32, 5), np.float32)
    x[:N_ROWS] = rng.normal(size=(N_ROWS, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(N_ROWS, 5))
    return Rows(x, N_ROWS)


def fit(optimizer, weights, n_epochs, *, number=0, **options):
    return train(linear, weights, (), table(), optimizer=optimizer, plan=Plan(n_epochs, 32), seed=seeds(number), **options)


def faster(part, **fields):
    """The optimizer at a rate at which a few steps show."""
    return part(max(0.01, part().learning_rate), **fields)


def same(one, other, **tolerance):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("part", OPTIMIZERS, ids=part_name)
class TestEveryOptimizer:
    def test_lowers_the_loss(self, part):
        history = fit(faster(part), start(), 12).history["loss"]
        assert np.all(np.isfinite(history))
        assert history[-1] < history[0]

    def test_the_rates_of_the_halves_are_in_proportion(self, part):
        def first_step(**rates):
            rate = 100.0 * max(0.01, part().learning_rate)  # that of an optimizer that has yet to find its rate is tiny
            weights = fit(part(rate, **rates), start(), 1).weights
            return weights.encoder["kernel"] - start().encoder["kernel"], weights.decoder - start().decoder

        pairs = zip(first_step(encoder_rate=0.25, decoder_rate=1.5), first_step(), strict=True)
        encoder, decoder = (np.mean(changed / plain) for changed, plain in pairs)
        np.testing.assert_allclose(encoder / decoder, 0.25 / 1.5, rtol=1e-2)
        if not part.applies_half_rates:
            np.testing.assert_allclose(decoder, 1.5, rtol=1e-2)

    def test_a_half_with_a_rate_of_zero_stays(self, part):
        weights = fit(faster(part, encoder_rate=0.0), start(), 6).weights
        same(weights.encoder, start().encoder, rtol=1e-5, atol=1e-6)
        assert not np.allclose(weights.decoder, start().decoder, rtol=1e-5)

    def test_goes_on_from_its_state_as_in_one_run(self, part):
        whole, parts = fit(faster(part), start(), 3), fit(faster(part), start(), 1)
        for _ in range(2):
            parts = fit(faster(part), parts.weights, 1, optimizer_state=parts.optimizer_state)
        assert (whole.best_epoch, parts.best_epoch) == (3, 1)
        same(parts.weights, whole.weights, rtol=1e-4, atol=1e-6)
        same(parts.optimizer_state, whole.optimizer_state, rtol=1e-3, atol=1e-6)

    def test_a_frozen_half_keeps_its_bits_beside_clipping_and_rates(self, part):
        optimizer = faster(part, **FROZEN, encoder_rate=0.5)
        result = fit(optimizer, start(), 6)
        np.testing.assert_array_equal(result.weights.decoder, start().decoder)
        assert not np.array_equal(result.weights.encoder["kernel"], start().encoder["kernel"])
        assert result.history["loss"][-1] < result.history["loss"][0]
        assert (2, 5) not in {np.shape(leaf)[-2:] for leaf in jax.tree.leaves(result.optimizer_state)}
        again = fit(optimizer, result.weights, 2, optimizer_state=result.optimizer_state)
        np.testing.assert_array_equal(again.weights.decoder, start().decoder)

    @pytest.mark.slow
    def test_members_are_their_single_runs(self, part):
        optimizers = [faster(part, **FROZEN), faster(part, **{**FROZEN, "clip_norm": 0.5}, encoder_rate=0.5)]
        joined = train(
            linear,
            jax.tree.map(lambda *leaves: np.stack(leaves), start(0), start(2)),
            (),
            table(),
            optimizer=jax.tree.map(lambda *values: np.float32(values), *optimizers),
            plan=Plan(6, 32),
            seed=np.stack([seeds(0), seeds(2)]),
            members=2,
        )
        for index, (optimizer, number) in enumerate(zip(optimizers, (0, 2), strict=True)):
            single = fit(optimizer, start(number), 6, number=number)
            same(jax.tree.map(lambda leaf, index=index: leaf[index], joined.weights), single.weights, rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(joined.history[index]["loss"], single.history["loss"], rtol=1e-4)


@pytest.mark.parametrize("part", [Adam, Lbfgs, Prodigy, ScheduleFreeAdamw], ids=part_name)
def test_there_may_be_nothing_to_move(part):
    result = fit(part(frozen=("encoder", "decoder"), clip_norm=1.0), start(), 2)
    for before, after in zip(jax.tree.leaves(start()), jax.tree.leaves(result.weights), strict=True):
        np.testing.assert_array_equal(before, after)
    assert jax.tree.leaves(result.optimizer_state) == []


def sparse(optimizer, *penalties):
    parts = Parts(Linear(), SquaredError(), data_shape=(5,), latent_shape=(2,), regularizers=penalties)
    model = Model.init(parts, rng=np.random.default_rng(0))
    rows = Rows({"x": table().arrays}, N_ROWS)
    return train(Objective(parts), model.weights, model.state, rows, optimizer=optimizer, plan=Plan(1, 32), seed=seeds(0), shared={})


@pytest.mark.parametrize("part", [part for part in OPTIMIZERS if not part.has_step_sizes()], ids=part_name)
def test_a_penalty_with_a_kink_is_refused_without_step_sizes(part):
    before = trace_count()
    with pytest.raises(
        PartError,
        match=f"The optimizer '{part_name(part)}' does not go with the penalty 'l1', which shrinks .*"
        r"Choose another optimizer: adabelief, adagrad, adam, .*, sgd; or a penalty without a kink, such as 'l2'\.",
    ):
        sparse(part(), L2(0.1), L1(0.1))
    assert trace_count() == before


def test_other_penalties_are_not():
    assert sparse(Lion(), L2(0.1)).status == "max_epochs"


def test_an_objective_of_the_users_own_is_refused_too():
    class Kinked:
        is_proximal = True

    with pytest.raises(PartError, match="The optimizer 'lion' does not go with the penalty of this objective, which"):
        train(Kinked(), start(), (), table(), optimizer=Lion(), plan=Plan(1, 32), seed=seeds(0))
