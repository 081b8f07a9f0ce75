import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from isthmus import Autoencoder, load
from isthmus._component import choices, part_name
from isthmus.architectures import Dense
from isthmus.bottlenecks import Gaussian
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import Adam, GradientDescent
from isthmus.priors import StandardNormal
from isthmus.regularizers import AbstractRegularizer, Adversary, FactorAdversary, SlicedWasserstein
from isthmus.training import Plan, Rows, train
from regularizers.judges import log_odds, moved_weights, softplus, taught
from regularizers.views import STANDARD_NORMAL, codes_view, gaussian_codes, penalty
from training.objectives import seeds

MASK = np.array([1, 0, 1, 1, 0, 1])


def test_value_and_both_gradients_are_those_of_the_two_costs():
    part, step = Adversary(2.0, (5,)), 1e-6
    with jax.enable_x64(True):
        own, direction, codes = moved_weights(part), moved_weights(part, seed=7), gaussian_codes(6)
        draws = STANDARD_NORMAL.sample((6, 2), key=jax.random.key(3))[:4]

        def mean(own, codes):
            values = part(own, codes_view(codes, MASK, n_features=3), key=jax.random.key(3))
            return jnp.sum(MASK * values) / 4

        def encoders(codes):
            return np.mean(softplus(-log_odds(own, codes[MASK == 1]))) - np.log(2)

        def own_cost(own):
            return np.mean(softplus(-log_odds(own, draws))) + np.mean(softplus(log_odds(own, codes[MASK == 1])))

        np.testing.assert_allclose(mean(own, codes), encoders(codes), rtol=1e-9)
        own_slope, slope = jax.grad(mean, argnums=(0, 1))(own, codes)
        shift = gaussian_codes(6, seed=5)
        along = (encoders(codes + step * shift) - encoders(codes - step * shift)) / (2 * step)
        np.testing.assert_allclose(np.sum(slope * shift), along, rtol=1e-6)
        ahead, behind = (own_cost(jax.tree.map(lambda w, d, sign=sign: w + sign * step * d, own, direction)) for sign in (1, -1))
        found = sum(np.sum(a * b) for a, b in zip(jax.tree.leaves(own_slope), jax.tree.leaves(direction), strict=True))
        # The objective multiplies by the weight, 2, and divides by the features, 3.
        np.testing.assert_allclose(found * 2 / 3, (ahead - behind) / (2 * step), rtol=1e-6)


def test_each_row_has_its_own_value():
    part, codes = Adversary(hidden_dims=(5,)), gaussian_codes(6)
    own = moved_weights(part)
    found = penalty(part, codes_view(codes), own)
    np.testing.assert_allclose(found, softplus(-log_odds(own, codes)) - np.log(2), rtol=1e-4, atol=1e-6)


def test_taught_it_reports_the_divergence_of_codes_from_the_prior():
    part, view = Adversary(hidden_dims=(16,)), codes_view(gaussian_codes(800, (1.5,), (0.8,)))
    q, p = scipy.stats.norm(1.5, 0.8).pdf, scipy.stats.norm.pdf
    expected = scipy.integrate.quad(lambda z: q(z) * np.log((q(z) + p(z)) / (2 * p(z))), -5, 8)[0]
    found = np.mean(penalty(part, view, taught(part, view), seed=9))
    np.testing.assert_allclose(found, expected, rtol=0.1)


def options():
    sizes = {"hidden_dims": (8,), "activation": "tanh", "batch_size": 64, "max_epochs": 100}
    return sizes | {"optimizer": Adam(3e-3, 0.5), "random_state": 0}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    return rng.normal(size=(320, 2)) @ rng.normal(size=(2, 5))


def test_a_fit_draws_codes_to_the_prior_and_repeats_and_is_saved(table, tmp_path):
    distances = {}
    for weight in (0.0, 3.0):
        autoencoder = Autoencoder(2, regularizers=Adversary(weight, (16,)), **options()).fit(table)
        distances[weight] = float(penalty(SlicedWasserstein(), codes_view(autoencoder.transform(table)))[0])
    assert distances[3.0] < 0.5 * distances[0.0]
    assert "adversary" in autoencoder.history_
    assert "val_adversary" not in autoencoder.history_
    assert np.all(np.isfinite(autoencoder.history_["adversary"]))
    again = Autoencoder(2, regularizers=Adversary(3.0, (16,)), **options()).fit(table)
    np.testing.assert_array_equal(again.transform(table), autoencoder.transform(table))
    autoencoder.save(tmp_path / "model.isthmus")
    np.testing.assert_array_equal(load(tmp_path / "model.isthmus").sample(3), autoencoder.sample(3))


def test_a_line_search_is_refused(table):
    message = r"The optimizer 'lbfgs' searches along its step .* Choose an optimizer without a line search, such as 'adam'\."
    with pytest.raises(PartError, match=message):
        Autoencoder(2, regularizers="adversary", optimizer="lbfgs", hidden_dims=(4,), max_epochs=1).fit(table)


def model(*regularizers, **options):
    shapes = {"data_shape": (5,), "latent_shape": (2,)}
    parts = Parts(Dense((4,), activation="tanh"), SquaredError(), **shapes, prior=StandardNormal(), regularizers=regularizers, **options)
    return Model.init(parts, rng=np.random.default_rng(0))


def test_steps_of_a_penaltys_own_weights_alone_are_multiplied_by_its_rate():
    made = model(Adversary(hidden_dims=(3,), rate=4.0), FactorAdversary(hidden_dims=(3,), rate=0.5))
    steps = jax.tree.map(jnp.ones_like, made.weights)
    scaled = Objective(made.parts).at_own_rates(steps)
    assert {float(jnp.max(leaf)) for leaf in jax.tree.leaves(scaled.regularizers[0])} == {4.0}
    assert {float(jnp.min(leaf)) for leaf in jax.tree.leaves(scaled.regularizers[1])} == {0.5}
    jax.tree.map(np.testing.assert_array_equal, scaled._replace(regularizers=()), steps._replace(regularizers=()))
    frozen = Objective(made.parts).at_own_rates(steps._replace(encoder=jax.tree.map(lambda leaf: None, steps.encoder)))
    assert not jax.tree.leaves(frozen.encoder)


def test_members_of_a_population_teach_their_adversaries_at_their_own_rates_beside_a_frozen_half(table):
    made = model(Adversary(hidden_dims=(3,)))
    others = made.parts.__class__(**(made.parts.__dict__ | {"regularizers": (Adversary(hidden_dims=(3,), rate=3.0),)}))
    objective = jax.tree.map(lambda *leaves: np.float32(leaves), Objective(made.parts), Objective(others))
    start = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), made.weights)
    optimizer = jax.tree.map(lambda leaf: np.float32([leaf, leaf]), GradientDescent(0.1, frozen=("encoder",)))
    rows = Rows({"x": table.astype(np.float32)}, len(table))
    found = train(
        objective,
        start,
        made.state,
        rows,
        optimizer=optimizer,
        plan=Plan(1, len(table)),
        seed=np.stack([seeds(0)] * 2),
        members=2,
        shared={},
    ).weights
    jax.tree.map(np.testing.assert_array_equal, found.encoder, start.encoder)
    for leaf, before in zip(jax.tree.leaves(found.decoder), jax.tree.leaves(start.decoder), strict=True):
        np.testing.assert_allclose(leaf[0], leaf[1], rtol=1e-6)
        assert not np.array_equal(leaf, before)
    last, before = found.regularizers[0][-1].weight, start.regularizers[0][-1].weight
    np.testing.assert_allclose(last[1] - before[1], 3.0 * (last[0] - before[0]), rtol=1e-4)
    assert np.any(last[0] != before[0])


@pytest.mark.parametrize(
    "part", [part for part in choices(AbstractRegularizer).values() if part.is_monitored or part.is_adversarial], ids=part_name
)
def test_a_statistic_of_the_batch_of_no_weight_contributes_nothing_to_value_and_gradient(part, table):
    def evaluated(*regularizers):
        made = model(*regularizers, bottleneck=Gaussian())
        weights = jax.tree.map(lambda leaf: jnp.asarray(leaf) + 0.1, made.weights)
        rows, shared, options = {"x": jnp.asarray(table[:6], float)}, {"n_rows": 50.0}, {"key": jax.random.key(0), "progress": 0.5}

        @jax.jit
        @jax.value_and_grad
        def loss(weights):
            return Objective(made.parts)(weights, made.state, rows, shared, jnp.ones(6), **options, training=True).loss

        return loss(weights)

    (value, slope), (expected, expected_slope) = evaluated(part(weight=0.0)), evaluated()
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert all(jnp.all(leaf == 0.0) for leaf in jax.tree.leaves(slope.regularizers))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), slope._replace(regularizers=()), expected_slope)
