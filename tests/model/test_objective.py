"""The one reduction: what the optimizer sees, against NumPy by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from isthmus._types import NonNegative
from isthmus.architectures import Dense, Linear
from isthmus.bottlenecks import Deterministic
from isthmus.corruptions import AbstractCorruption, Masking
from isthmus.errors import PartError
from isthmus.losses import AbsoluteError, Bernoulli, Huber, SquaredError, in_user_unit
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import Adam
from isthmus.priors import StandardNormal
from isthmus.regularizers import L1, L2
from isthmus.training import Plan, Rows, train
from model.stand_ins import Activity, LearnedScale, Normal, Sampled, Total

KEY = jax.random.key(5)


def built(loss=None, *, architecture=None, n_features=4, **options):
    parts = Parts(architecture or Linear(), loss or SquaredError(), data_shape=(n_features,), latent_shape=(2,), **options)
    return Model.init(parts, rng=np.random.default_rng(0))


def data(n_rows=7, n_features=4, seed=1):
    return np.random.default_rng(seed).uniform(size=(n_rows, n_features)).astype(np.float32)


def evaluated(model, rows, mask=None, *, shared=None, progress=0.5, training=True, weights=None):
    mask = np.ones(len(rows["x"])) if mask is None else mask
    rows = jax.tree.map(jnp.asarray, rows)
    weights = jax.tree.map(jnp.asarray, model.weights if weights is None else weights)
    options = {"key": KEY, "progress": progress, "training": training}
    return Objective(model.parts)(weights, model.state, rows, shared or {}, jnp.asarray(mask, jnp.float32), **options)


def affine(network, x):
    """A network without hidden layers, in float64."""
    (layer,) = network.layers
    return x.astype(np.float64) @ layer.weight + layer.bias


MASK, WEIGHT = np.array([1, 1, 0, 1, 1, 1, 0]), np.float32([0.5, 2.0, 9.0, 1.0, 0.0, 1.5, 9.0])


class TestReduction:
    def test_is_the_weighted_mean_over_rows_and_features_plus_the_weighted_penalties(self):
        model = built(regularizers=(L2(0.3), L1(0.1), Activity(0.7), Total(0.2)))
        x, weights = data(), model.weights
        evaluation = evaluated(model, {"x": x, "weight": WEIGHT}, MASK)
        code = affine(weights.encoder, x)
        errors = np.sum(np.square(affine(weights.decoder, code) - x), axis=1)
        matrices = [weights.encoder.layers[0].weight, weights.decoder.layers[0].weight]
        expected = {
            "reconstruction": np.sum(MASK * WEIGHT * errors) / 5,
            "activity": np.sum(MASK * WEIGHT * np.sum(code**2, axis=1)) / 5,
            "total": np.sum(np.mean(code[MASK == 1], axis=0) ** 2),
            "l2": sum(np.sum(matrix**2) for matrix in matrices),
            "l1": sum(np.sum(np.abs(matrix)) for matrix in matrices),
        }
        assert evaluation.terms.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(evaluation.terms[name], value, rtol=1e-5, err_msg=name)
        rows = (expected["reconstruction"] + 0.7 * expected["activity"]) / 4
        penalties = 0.3 * expected["l2"] + 0.1 * expected["l1"] + 0.2 * expected["total"]
        np.testing.assert_allclose(evaluation.loss, rows + penalties, rtol=1e-5)

    def test_penalties_apply_in_training_only(self):
        model = built(regularizers=(L2(0.3), Activity(0.7)))
        evaluation = evaluated(model, {"x": data()}, training=False)
        assert evaluation.terms.keys() == {"reconstruction"}
        np.testing.assert_allclose(evaluation.loss, evaluation.terms["reconstruction"] / 4, rtol=1e-6)

    def test_a_target_is_what_is_to_come_out(self):
        model, x, target = built(), data(), data(seed=2)
        outputs = affine(model.weights.decoder, affine(model.weights.encoder, x))
        expected = np.mean(np.square(outputs - target))
        np.testing.assert_allclose(evaluated(model, {"x": x, "target": target}).loss, expected, rtol=1e-5)

    def test_rows_and_targets_are_scaled_on_the_way(self):
        model, offset, scale = built(), np.float32([1, 2, 3, 4]), np.float32([2, 4, 0.5, 3])
        x, target = (np.random.default_rng(seed).integers(0, 255, (7, 4), dtype=np.uint8) for seed in (1, 2))
        shared = {"offset": offset, "scale": scale}
        there = evaluated(model, {"x": x, "target": target}, shared=shared)
        here = evaluated(model, {"x": (x - offset) / scale, "target": (target - offset) / scale})
        np.testing.assert_allclose(there.loss, here.loss, rtol=1e-5)

    def test_a_proximal_penalty_has_no_gradient(self):
        model, rows = built(), {"x": data()}
        penalized = built(regularizers=(L1(10.0),))
        gradients = [jax.grad(lambda w, m=m: evaluated(m, rows, weights=w).loss)(m.weights) for m in (model, penalized)]
        for plain, other in zip(*map(jax.tree.leaves, gradients), strict=True):
            np.testing.assert_array_equal(plain, other)
        assert Objective(penalized.parts).is_proximal
        assert not Objective(model.parts).is_proximal
        assert float(evaluated(penalized, rows).loss) > float(evaluated(model, rows).loss) + 1.0

    def test_proximal_maps_take_the_step_sizes_times_the_weight(self):
        model = built(regularizers=(L1(0.5),))
        sizes = jax.tree.map(lambda leaf: jnp.float32(0.2), model.weights)
        shrunk = Objective(model.parts).shrink(jax.tree.map(jnp.asarray, model.weights), sizes)
        before = model.weights.encoder.layers[0].weight
        np.testing.assert_allclose(shrunk.encoder.layers[0].weight, np.sign(before) * np.maximum(np.abs(before) - 0.1, 0), atol=1e-7)

    def test_a_batch_of_padding_is_zero_and_not_a_division_by_zero(self):
        assert float(evaluated(built(), {"x": data()}, np.zeros(7)).loss) == 0.0


LOSSES = [SquaredError(), AbsoluteError(), Huber(0.1), Bernoulli(), LearnedScale()]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
class TestEveryLoss:
    def parts(self, loss):
        return built(loss, architecture=Dense(hidden_dims=(3,), activation="tanh"), regularizers=(L2(0.1), Activity(0.5), Total(0.2)))

    def test_padding_has_no_influence_on_values_or_gradients(self, loss):
        model, x = self.parts(loss), data()
        results = []
        for padding in (0.0, 0.5, 1e4):
            padded = np.where(MASK[:, None] == 1, x, np.float32(padding))
            rows = {"x": padded, "weight": np.where(MASK == 1, WEIGHT, np.float32(padding))}
            results.append(jax.value_and_grad(lambda w, rows=rows: evaluated(model, rows, MASK, weights=w).loss)(model.weights))
        for other in results[1:]:
            for ours, theirs in zip(jax.tree.leaves(results[0]), jax.tree.leaves(other), strict=True):
                np.testing.assert_array_equal(ours, theirs)
        alone = evaluated(model, {"x": x[MASK == 1], "weight": WEIGHT[MASK == 1]})
        np.testing.assert_allclose(results[0][0], alone.loss, rtol=1e-5)

    def test_terms_do_not_change_when_a_batch_is_tiled_or_turned(self, loss):
        model, x = self.parts(loss), data()
        plain = evaluated(model, {"x": x, "weight": WEIGHT}, MASK)
        order = np.random.default_rng(3).permutation(7)
        turned = evaluated(model, {"x": x[order], "weight": WEIGHT[order]}, MASK[order])
        tiled = evaluated(model, {"x": np.tile(x, (3, 1)), "weight": np.tile(WEIGHT, 3)}, np.tile(MASK, 3))
        for other in (turned, tiled):
            np.testing.assert_allclose(other.loss, plain.loss, rtol=1e-5)
            assert other.terms.keys() == plain.terms.keys()
            for name, value in plain.terms.items():
                np.testing.assert_allclose(other.terms[name], value, rtol=1e-5, err_msg=name)

    def test_weights_of_one_are_no_weights(self, loss):
        model, x = self.parts(loss), data()
        np.testing.assert_array_equal(evaluated(model, {"x": x, "weight": np.ones(7, np.float32)}).loss, evaluated(model, {"x": x}).loss)

    def test_the_gradient_is_that_of_finite_differences(self, loss):
        model, rows = self.parts(loss), {"x": data()}
        leaves, treedef = jax.tree.flatten(jax.tree.map(lambda leaf: np.asarray(leaf) + 0.05, model.weights))
        rng = np.random.default_rng(4)
        directions = [rng.normal(size=leaf.shape).astype(np.float32) for leaf in leaves]

        def along(t):
            return evaluated(model, rows, weights=treedef.unflatten([w + t * d for w, d in zip(leaves, directions, strict=True)])).loss

        slope = float(jax.grad(along)(0.0))
        difference = (float(along(2e-4)) - float(along(-2e-4))) / 4e-4
        np.testing.assert_allclose(slope, difference, rtol=5e-3, atol=2e-3)


class TestLearnedLossWeights:
    def test_have_a_gradient_and_are_trained(self):
        x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32) * np.float32([0.1, 1.0, 2.0, 5.0])
        model = built(LearnedScale())
        options = {"optimizer": Adam(0.05, frozen=("encoder", "decoder")), "plan": Plan(2000, 64), "seed": np.zeros(2, np.uint32)}
        result = train(Objective(model.parts), model.weights, model.state, Rows({"x": x}, 64), shared={}, **options)
        residuals = affine(model.weights.decoder, affine(model.weights.encoder, x)) - x
        # The likelihood's best scale is the root of the mean squared residual.
        np.testing.assert_allclose(np.exp(result.weights.loss["log_scale"]), np.sqrt(np.mean(residuals**2, axis=0)), rtol=1e-3)
        np.testing.assert_array_equal(result.weights.encoder.layers[0].weight, model.weights.encoder.layers[0].weight)


class TestPriors:
    def test_a_term_is_charged_with_its_weight_at_this_progress(self):
        model, x = built(bottleneck=Normal(3.0), prior=StandardNormal()), data()
        hidden = affine(model.weights.encoder, x)
        mean, log_scale = hidden[:, :2], hidden[:, 2:]
        kl = np.mean(np.sum(0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale, axis=1))
        for progress in (0.0, 0.5, 1.0):
            evaluation = evaluated(model, {"x": x}, progress=progress)
            np.testing.assert_allclose(evaluation.terms["kl"], kl, rtol=1e-5)
            expected = (evaluation.terms["reconstruction"] + 3.0 * progress * kl) / 4
            np.testing.assert_allclose(evaluation.loss, expected, rtol=1e-5)

    def test_codes_are_the_mean_and_never_drawn(self):
        model, x = built(bottleneck=Normal(), prior=StandardNormal()), jnp.asarray(data())
        np.testing.assert_allclose(model.encode(x), affine(model.weights.encoder, np.asarray(x))[:, :2], rtol=1e-5)

    def test_a_trained_encoder_nears_the_prior_when_beta_is_large(self):
        parts = built(bottleneck=Normal(50.0), prior=StandardNormal()).parts
        model = Model.init(parts, rng=np.random.default_rng(1))
        rows, seed = Rows({"x": data(32)}, 32), np.zeros(2, np.uint32)
        options = {"optimizer": Adam(0.02), "plan": Plan(200, 8), "seed": seed, "shared": {}}
        history = train(Objective(parts), model.weights, model.state, rows, **options).history
        assert history["kl"][-1] < 0.05 * history["kl"][0]


class TestSeveralCodesARow:
    def codes(self, model, x):
        noise = np.float64(jax.random.normal(jax.random.split(KEY, 5)[2], (3, len(x), 2)))
        return affine(model.weights.encoder, x) + np.exp(-0.5) * noise, noise

    def test_the_cost_is_the_mean_over_codes(self):
        model, x = built(bottleneck=Sampled()), data()
        evaluation = evaluated(model, {"x": x, "weight": WEIGHT}, MASK)
        codes, _ = self.codes(model, x)
        errors = np.sum(np.square(affine(model.weights.decoder, codes) - x), axis=2)
        assert errors.shape == (3, 7)
        expected = np.sum(MASK * WEIGHT * errors.mean(axis=0)) / 5
        np.testing.assert_allclose(evaluation.terms["reconstruction"], expected, rtol=1e-5)
        np.testing.assert_allclose(evaluation.loss, expected / 4, rtol=1e-5)
        np.testing.assert_allclose(evaluation.terms["each"], np.sum(MASK * WEIGHT * codes.sum(axis=2).mean(axis=0)) / 5, rtol=1e-4)
        size = np.sum(MASK * WEIGHT * np.sum(affine(model.weights.encoder, x) ** 2, axis=1)) / 5
        np.testing.assert_allclose(evaluation.terms["size"], size, rtol=1e-5)

    def test_one_code_is_the_plain_evidence_bound(self):
        parts = {"bottleneck": Sampled(1, important=True), "prior": StandardNormal()}
        model, x = built(LearnedScale(), **parts), data()
        evaluation = evaluated(model, {"x": x})
        noise = np.float64(jax.random.normal(jax.random.split(KEY, 5)[2], (1, 7, 2)))
        codes = affine(model.weights.encoder, x) + np.exp(-0.5) * noise
        log_prior = scipy.stats.norm.logpdf(codes).sum(axis=2)
        log_posterior = scipy.stats.norm.logpdf(noise).sum(axis=2) + 1.0
        log_likelihood = scipy.stats.norm.logpdf(x, affine(model.weights.decoder, codes)).sum(axis=2)
        bound = -np.mean(log_likelihood + log_prior - log_posterior)
        np.testing.assert_allclose(evaluation.terms["bound"], bound, rtol=1e-5)
        np.testing.assert_allclose(evaluation.loss, bound / 4, rtol=1e-5)

    def test_several_codes_are_the_importance_weighted_bound(self):
        model, x = built(LearnedScale(), bottleneck=Sampled(3, important=True), prior=StandardNormal()), data()
        evaluation = evaluated(model, {"x": x, "weight": WEIGHT}, MASK)
        codes, noise = self.codes(model, x)
        log_prior = scipy.stats.norm.logpdf(codes).sum(axis=2)
        log_posterior = scipy.stats.norm.logpdf(noise).sum(axis=2) + 1.0  # two dimensions of log-width -0.5
        log_likelihood = scipy.stats.norm.logpdf(x, affine(model.weights.decoder, codes)).sum(axis=2)
        log_ratios = log_likelihood + log_prior - log_posterior
        bound = -(scipy.special.logsumexp(log_ratios, axis=0) - np.log(3))
        expected = np.sum(MASK * WEIGHT * bound) / 5
        np.testing.assert_allclose(evaluation.terms["bound"], expected, rtol=1e-5)
        np.testing.assert_allclose(evaluation.loss, expected / 4, rtol=1e-5)
        assert np.all(bound < -log_ratios.mean(axis=0))  # tighter than the plain bound

    def test_the_bottlenecks_own_weights_have_a_gradient(self):
        model, rows = built(LearnedScale(), bottleneck=Sampled(3, important=True), prior=StandardNormal()), {"x": data()}
        gradient = jax.grad(lambda weights: evaluated(model, rows, weights=weights).loss)(model.weights)
        assert abs(float(gradient.bottleneck)) > 1e-3


class TestRandomness:
    def test_dropout_applies_in_training_only(self):
        model = built(architecture=Dense(hidden_dims=(8,), dropout=0.5))
        plain = built(architecture=Dense(hidden_dims=(8,)))
        rows = {"x": data()}
        assert evaluated(model, rows).loss != evaluated(plain, rows).loss
        np.testing.assert_array_equal(evaluated(model, rows, training=False).loss, evaluated(plain, rows, training=False).loss)

    def test_corruption_is_of_the_input_and_not_of_the_target(self):
        model, x = built(corruption=Masking(0.999)), data(200)
        gone = np.mean(np.square(affine(model.weights.decoder, affine(model.weights.encoder, np.zeros((1, 4)))) - x))
        np.testing.assert_allclose(evaluated(model, {"x": x}).loss, gone, rtol=0.05)

    def test_each_row_has_a_dropout_of_its_own(self):
        model = built(architecture=Dense(hidden_dims=(32,), dropout=0.5))
        hidden = model.hidden(jnp.asarray(np.tile(data(1), (50, 1))), key=KEY)
        assert len(np.unique(np.asarray(hidden), axis=0)) == 50


class Hidden(AbstractCorruption):
    """The first two values of each row are hidden, and only they are scored."""

    strength: NonNegative = 1.0

    def __call__(self, x, *, mask=None, key):
        return x.at[:, :2].multiply(1.0 - self.strength)

    def scored(self, x, *, key):
        return jnp.zeros_like(x).at[:, :2].set(1.0)


class TestScoredValues:
    @pytest.mark.parametrize("loss", [SquaredError(), Huber(0.3), Bernoulli()], ids=lambda loss: type(loss).__name__)
    def test_the_loss_is_that_of_the_scored_values_as_if_all_cost_as_much(self, loss):
        model, x = built(loss, corruption=Hidden()), data()
        outputs = affine(model.weights.decoder, affine(model.weights.encoder, x * [0, 0, 1, 1])).astype(np.float32)
        expected = 2.0 * np.mean(loss((), jnp.asarray(outputs[:, :2]), jnp.asarray(x[:, :2])))
        np.testing.assert_allclose(evaluated(model, {"x": x}).terms["reconstruction"], expected, rtol=1e-5)

    def test_other_values_have_no_gradient(self):
        model, x = built(corruption=Hidden()), data()
        gradient = jax.grad(lambda weights: evaluated(model, {"x": x}, weights=weights).loss)(model.weights)
        slopes = np.asarray(gradient.decoder.layers[0].bias)
        assert np.all(slopes[:2] != 0.0)
        np.testing.assert_array_equal(slopes[2:], 0.0)

    def test_a_row_without_a_scored_value_costs_nothing(self):
        class Nothing(AbstractCorruption):
            def __call__(self, x, *, mask=None, key):
                return x

            def scored(self, x, *, key):
                return jnp.zeros_like(x)

        np.testing.assert_allclose(evaluated(built(Bernoulli(), corruption=Nothing()), {"x": data()}).loss, 0.0, atol=1e-6)


class TestPartsThatRefuse:
    @pytest.mark.parametrize("role", ["architecture", "loss", "bottleneck", "prior", "regularizers", "corruption"])
    def test_every_part_is_asked_about_the_others(self, role, monkeypatch):
        stand_in = {
            "architecture": Linear,
            "loss": SquaredError,
            "bottleneck": Deterministic,
            "prior": StandardNormal,
            "regularizers": L2,
            "corruption": Masking,
        }[role]

        def refuse(self, parts):
            raise PartError(f"not with {parts.data_shape}")

        monkeypatch.setattr(stand_in, "check_parts", refuse)
        options = {"architecture": Linear(), role: (stand_in(),) if role == "regularizers" else stand_in()}
        with pytest.raises(PartError, match=r"not with \(4,\)"):
            built(**options)


class TestLossesOfRowsAsTheyCame:
    def test_the_wrapped_loss_sees_the_rows_in_their_own_unit(self):
        offset, scale = np.float32([1.0, -2.0, 0.0, 3.0]), np.float32([2.0, 0.5, 1.0, 4.0])
        loss, x, outputs = in_user_unit(Huber(0.3), offset, scale), jnp.asarray(data()), jnp.asarray(data(seed=2))
        np.testing.assert_allclose(loss((), outputs, (x - offset) / scale), Huber(0.3)((), outputs, x), rtol=1e-5)
        np.testing.assert_allclose(loss.mean(jnp.asarray(loss.start((data() - offset) / scale))), (data() - offset) / scale, rtol=1e-5)
