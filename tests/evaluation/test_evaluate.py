"""`evaluate`: each score against its definition, what is left out and why, and what is refused."""

import json
import tracemalloc
import warnings
from html import escape as html_escape

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation.models import Made
from isthmus import Autoencoder, GaussianMixture, LatentMixture, evaluate
from isthmus.errors import DataError, PartError
from isthmus.presets import vae

X, Y = load_digits(return_X_y=True)
X, Y = X[:600], Y[:600]
TRAINING, TEST, LABELS = X[:400], X[400:], Y[400:]
IRIS, KINDS = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def model():
    """Of digits; not to be changed."""
    return Autoencoder(4, hidden_dims=(32,), max_epochs=40, random_state=0).fit(TRAINING)


@pytest.fixture(scope="module")
def found(model):
    """Its evaluation on other digits; not to be changed."""
    return evaluate(model, TEST, LABELS, training=TRAINING)


class TestReconstruction:
    def test_errors_are_those_of_numpy_and_scikit_learn(self, model, found):
        difference = TEST - model.reconstruct(TEST)
        mse = np.mean(difference**2)
        assert found["mean squared error"].value == pytest.approx(mse)
        assert found["root mean squared error"].value == pytest.approx(np.sqrt(mse))
        assert found["mean absolute error"].value == pytest.approx(mean_absolute_error(TEST, model.reconstruct(TEST)))
        assert found["R2"].value == pytest.approx(1.0 - np.sum(difference**2) / np.sum((TEST - TEST.mean(axis=0)) ** 2))
        assert found["peak signal-to-noise ratio"].value == pytest.approx(10.0 * np.log10(16.0**2 / mse))
        np.testing.assert_allclose(found.row_errors, np.mean(difference**2, axis=1), rtol=1e-6)
        np.testing.assert_allclose(found.feature_errors, np.mean(difference**2, axis=0), rtol=1e-6, atol=1e-12)

    def test_baselines_are_the_mean_and_principal_components_of_the_training_rows(self, found):
        pca = PCA(4, svd_solver="full").fit(TRAINING)
        expected = {"mean": np.mean((TEST - TRAINING.mean(axis=0)) ** 2)}
        expected["PCA, 4 wide"] = np.mean((TEST - pca.inverse_transform(pca.transform(TEST))) ** 2)
        assert found["mean squared error"].baselines == pytest.approx(expected)

    def test_without_training_rows_baselines_are_fitted_to_the_rows_themselves_and_say_so(self, model):
        alone = evaluate(model, TEST)
        assert alone["R2"].baselines["mean"] == pytest.approx(0.0, abs=1e-12)
        assert "favors" in alone["R2"].note
        assert "generalization gap" not in alone

    def test_the_gap_is_the_ratio_of_errors(self, model, found):
        part = TRAINING[np.sort(np.random.default_rng(0).permutation(400)[:200])]
        learned = np.mean((part - model.reconstruct(part)) ** 2)
        assert found["generalization gap"].value == pytest.approx(found["mean squared error"].value / learned)

    def test_rows_of_many_columns_have_principal_components_of_some_rows_and_say_so(self, monkeypatch):
        rows = np.random.default_rng(0).normal(size=(40, 70)) @ np.diag(np.linspace(2.0, 0.1, 70))
        whole = evaluate(PCA(3, svd_solver="full").fit(rows), rows)
        monkeypatch.setattr("isthmus.evaluation._reconstruction._MOST_COLUMNS", 64)
        some = evaluate(PCA(3, svd_solver="full").fit(rows), rows)
        assert some["R2"].baselines == pytest.approx(whole["R2"].baselines)  # as 64 rows are all of them
        monkeypatch.setattr("isthmus.evaluation._reconstruction._MOST_COLUMNS", 30)
        some = evaluate(PCA(3, svd_solver="full").fit(rows), rows)
        assert "PCA to 30 of them" in some["R2"].note
        assert some["R2"].baselines["PCA, 3 wide"] < whole["R2"].baselines["PCA, 3 wide"]

    def test_a_pca_is_as_good_as_the_pca_beside_it(self):
        alone = evaluate(PCA(4, svd_solver="full").fit(X), X)
        for name in ("mean squared error", "R2", "trustworthiness", "effective rank", "mean squared error under noise"):
            assert alone[name].value == pytest.approx(alone[name].baselines["PCA, 4 wide"], rel=1e-6), name


class TestImages:
    def test_they_have_similarity_and_sharpness(self, model):
        images = X.reshape(-1, 8, 8, 1)
        network = Autoencoder(4, hidden_dims=(32,), max_epochs=2, random_state=0).fit(images)
        scores = evaluate(network, images)
        from skimage.metrics import structural_similarity

        pairs = list(zip(images, network.reconstruct(images), strict=True))
        expected = np.mean([structural_similarity(a, b, data_range=16.0, channel_axis=-1) for a, b in pairs])
        assert scores["structural similarity"].value == pytest.approx(expected, rel=1e-5)

        def detail(rows):
            return np.mean(np.diff(rows, axis=1) ** 2) + np.mean(np.diff(rows, axis=2) ** 2)

        assert scores["sharpness"].value == pytest.approx(detail(network.reconstruct(images)) / detail(images), rel=1e-5)

    @pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
    def test_they_need_no_axis_of_channels(self, shape):
        halved = Made(lambda X: X.reshape(len(X), 64)[:, :2], lambda codes: X[: len(codes)].reshape(-1, *shape) / 2.0)
        scores = evaluate(halved, X[:200].reshape(-1, *shape))
        assert scores["sharpness"].value == pytest.approx(0.25)
        assert "structural similarity" in scores

    def test_a_table_is_none_and_says_how_it_could_be(self, found):
        with pytest.raises(DataError, match=r"no images.*sample_shape"):
            found["structural similarity"]


class TestWithLabels:
    def test_codes_are_compared_with_raw_features_and_pca(self, found):
        for name in ("linear probe accuracy", "nearest neighbors accuracy"):
            assert set(found[name].baselines) == {"raw features", "PCA, 4 wide"}
            assert 0.5 < found[name].value <= 1.0
        assert found["accuracy, k-means"].value > 0.3
        assert found["accuracy, mixture"].unit == "share"

    def test_a_quantity_is_predicted_and_not_clustered(self):
        target = X @ np.linspace(0.0, 1.0, 64)
        scores = evaluate(PCA(3).fit(X), X, target)
        codes = PCA(3).fit_transform(X)
        assert scores["linear probe R2"].value == pytest.approx(
            r2_score(target, LinearRegression().fit(codes, target).predict(codes)), abs=0.03
        )
        assert "no classes" in scores.omitted["clusters against labels"]

    def test_one_class_is_no_error_and_no_score(self, model):
        scores = evaluate(model, TEST, np.zeros(len(TEST), int))
        assert "one class" in scores.omitted["predictions from codes"]
        assert "linear probe accuracy" not in scores

    def test_a_column_of_labels_is_labels(self, model):
        pca = PCA(2).fit(IRIS)
        target = IRIS[:, :1] * np.pi
        assert evaluate(pca, IRIS, target)["linear probe R2"].value == evaluate(pca, IRIS, target[:, 0])["linear probe R2"].value
        with pytest.raises(DataError, match="one value for each of the 150 rows"):
            evaluate(pca, IRIS, IRIS[:, :2])

    def test_a_quantity_of_few_rows_is_not_predicted(self):
        scores = evaluate(PCA(2).fit(IRIS), IRIS[:7], IRIS[:7, 0] * np.pi)
        assert "7 rows are too few" in scores.omitted["predictions from codes"]

    def test_what_does_not_converge_stands_in_the_note(self):
        places = np.array([-3.0, -1.0, 0.0, 2.0, 5.0])
        coarse = Made(lambda X: places[X[:, 10:14].astype(int) % 5], lambda codes: np.repeat(codes, 16, axis=1))
        scores = evaluate(coarse, TEST % 1.0 + np.arange(200)[:, None] % 5, LABELS)
        assert "components have no rows" in scores["accuracy, mixture"].note
        assert "distinct clusters" in scores["accuracy, k-means"].note

    def test_a_class_of_one_row_is_said(self, model):
        labels = np.zeros(len(TEST), int)
        labels[3] = 1
        assert "a single row" in evaluate(model, TEST, labels).omitted["predictions from codes"]

    def test_a_latent_mixture_is_judged_by_its_own_clusters(self):
        mixture = LatentMixture(
            3,
            autoencoder=Autoencoder(2, max_epochs=20, random_state=0),
            mixture=GaussianMixture(n_init=4, n_swaps=0),
            random_state=0,
        ).fit(IRIS)
        scores = evaluate(mixture, IRIS, KINDS)
        assert scores["accuracy, the model's clusters"].value > 0.6
        assert scores["Fréchet distance of drawn rows"].value > 0.0
        assert scores["parameters"].value == mixture.autoencoder_.summary().n_parameters
        assert scores["log-density of codes"].value == pytest.approx(mixture.score(IRIS), rel=1e-5)


class TestGeneration:
    def test_terms_add_up_and_the_bound_is_below_the_likelihood(self):
        generative = vae(3, hidden_dims=(16,), max_epochs=5, random_state=0).fit(X[:, 20:44])
        scores = evaluate(generative, X[:, 20:44])
        bound = scores["evidence lower bound"].value
        assert bound == pytest.approx(scores["likelihood term"].value - scores["divergence from the prior"].value)
        assert bound < scores["log-likelihood"].value
        with pytest.raises(DataError, match="not computed: They are counted of discrete values"):
            scores["bits per dimension"]
        assert 0.0 <= scores["recall of drawn rows"].value <= 1.0
        assert scores["active units"].value == generative.active_units_

    def test_discrete_rows_have_bits(self):
        binary = (X > 8).astype(float)
        scores = evaluate(vae(3, loss="bernoulli", hidden_dims=(16,), max_epochs=3, random_state=0).fit(binary), binary)
        expected = -scores["log-likelihood"].value / 64 / np.log(2.0)
        assert scores["bits per dimension"].value == pytest.approx(expected)

    def test_codes_without_a_prior_are_not_drawn_from_and_it_is_said(self, found):
        with pytest.raises(DataError, match="fit_density"):
            found["recall of drawn rows"]

    def test_factors_are_looked_for(self, model):
        scores = evaluate(model, TEST, factors=np.stack([LABELS, LABELS % 2], axis=1))
        assert {"mutual information gap", "disentanglement", "completeness"} <= {score.name for score in scores.groups["factors"]}
        with pytest.raises(DataError, match="`factors` has 3 rows, `X` has 200"):
            evaluate(model, TEST, factors=np.ones((3, 2)))


class TestRobustness:
    def test_without_damage_it_is_the_error_itself(self, found):
        for curve in found.curves:
            assert curve.x[0] == 0.0
            assert curve.lines["model"][0] == pytest.approx(found["mean squared error"].value)
            assert curve.lines["doing nothing"][0] == 0.0

    def test_more_damage_is_more_error(self, found):
        for curve in found.curves:
            assert np.all(np.diff(curve.lines["doing nothing"]) > 0.0)
            for line in curve.lines.values():
                assert line[-1] > 1.05 * line[0]

    def test_values_that_the_loss_refuses_are_left_out_with_a_reason(self):
        binary = (IRIS.mean(axis=0) < IRIS).astype(float)
        network = Autoencoder(2, loss="bernoulli", max_epochs=2, random_state=0).fit(binary)
        scores = evaluate(network, binary)
        assert "robustness against noise" not in scores.omitted  # whole numbers stay whole
        assert len(scores.curves) == 2


class TestTheTable:
    def test_every_number_is_had_again_by_its_printed_call(self, model, found):
        (call,) = {score.call.partition("[")[0] for score in found}
        again = eval(call, {"evaluate": evaluate, "model": model, "X": TEST, "y": LABELS, "training": TRAINING})
        for score in found:
            value = eval(score.call.replace(call, "again"), {"again": again})
            assert value == pytest.approx(score.value) or score.name in ("encoding", "peak memory"), score.name

    def test_what_was_not_computed_says_why(self, found):
        for names, reason in evaluate(PCA(2).fit(IRIS), IRIS).omitted.items():
            assert reason.endswith("."), names
        for name in ("bits per dimension", "disentanglement", "structural similarity"):
            assert name not in found
            with pytest.raises(DataError, match="was not computed"):
                found[name]

    def test_memory_is_that_of_the_process(self, found):
        resource = pytest.importorskip("resource", reason="not on this system")
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert found["memory of parameters"].value < found["peak memory"].value <= 1024 * now

    def test_names_are_unique_and_every_group_is_known(self, found):
        assert len({score.name for score in found}) == len(found.scores)
        assert set(found.groups) == {"reconstruction", "code", "labels", "clusters", "robustness", "cost"}

    def test_it_prints_every_score_with_its_baselines(self, found):
        text = str(found)
        for score in found:
            assert score.name in text
        assert "PCA, 4 wide" in text
        assert "not computed: Fréchet distance of drawn rows" in text

    def test_it_shows_in_a_notebook_without_trusting_names(self):
        frame = pd.DataFrame(IRIS, columns=["<b>", "b", "c", "d"])
        evaluation = evaluate(PCA(2).fit(frame), frame)
        html = evaluation._repr_html_()
        assert html.startswith("<table>")
        assert "<b>" not in html.replace("<b>good</b>", "").replace("<b>notice</b>", "")
        assert all(html_escape(finding.text) in html for finding in evaluation.findings)
        assert all(html_escape(reason) in html for reason in evaluation.omitted.values())

    def test_it_becomes_json(self, found):
        again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert again["n_rows"] == len(TEST)
        assert {score["name"] for score in again["scores"]} == {score.name for score in found}

    def test_an_unknown_score_names_the_known_ones(self, found):
        with pytest.raises(DataError, match="Choose from: mean squared error, "):
            found["MSE"]
        with pytest.raises(DataError, match=r"was not computed: .*fit_density"):
            found["Fréchet distance of drawn rows"]


class TestRows:
    def test_the_same_seed_gives_the_same_numbers_and_all_rows_are_reconstructed(self, model):
        first, second = (evaluate(model, X, Y, max_rows=100, random_state=3) for _ in range(2))
        assert [score.value for score in first if score.group != "cost"] == [score.value for score in second if score.group != "cost"]
        assert (len(first.rows), len(first.row_errors)) == (100, 600)
        assert "max_rows=100" in first["R2"].call

    def test_frames_pipelines_and_bytes_are_taken(self):
        frame = pd.DataFrame(IRIS, columns=list("abcd"))
        pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(frame)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            named = evaluate(pipeline, frame, KINDS)
        assert named.feature_names == tuple("abcd")
        images = X.astype(np.uint8)
        network = Autoencoder(2, hidden_dims=(8,), max_epochs=1, random_state=0).fit(images)
        assert evaluate(network, images)["mean squared error"].value == pytest.approx(
            np.mean((images - network.reconstruct(images)) ** 2), rel=1e-5
        )

    def test_sparse_rows_are_as_good_as_dense_ones(self, model, found):
        sparse = evaluate(model, scipy.sparse.coo_array(TEST), LABELS, training=scipy.sparse.csr_matrix(TRAINING))
        assert {score.name: score.value for score in sparse if score.group != "cost"} == pytest.approx(
            {score.name: score.value for score in found if score.group != "cost"}, rel=1e-6
        )

    def test_a_conditional_model_is_told_the_classes(self):
        network = Autoencoder(2, conditional=True, hidden_dims=(8,), max_epochs=2, random_state=0).fit(IRIS, KINDS)
        scores = evaluate(network, IRIS, KINDS)
        assert scores["mean squared error"].value == pytest.approx(np.mean((IRIS - network.reconstruct(IRIS, KINDS)) ** 2), rel=1e-5)
        with pytest.raises(DataError, match="Pass `y`"):
            evaluate(network, IRIS)
        beside = evaluate(network, IRIS[:100], KINDS[:100], training=IRIS[50:])
        assert "not known here" in beside.omitted["generalization gap"]
        assert "on the training rows" in beside["R2"].note


def test_it_takes_less_memory_than_another_copy_of_the_rows():
    rows = np.random.default_rng(0).normal(size=(60_000, 50)).astype(np.float32)
    model = PCA(2).fit(rows[:1000])
    tracemalloc.start()
    try:
        evaluate(model, rows, rows[:, 0] > 0, training=rows, max_rows=300)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < rows.nbytes


def test_sparse_rows_are_never_all_dense():
    places = np.random.default_rng(0).integers([20_000, 500], size=(50_000, 2)).T
    rows = scipy.sparse.csr_array((np.ones(50_000), tuple(places)), shape=(20_000, 500))
    model = Made(lambda X: X[:, :2] @ np.eye(2), lambda codes: np.zeros((len(codes), 500)))
    tracemalloc.start()
    try:
        evaluate(model, rows, training=rows, max_rows=300)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.7 * 8 * rows.shape[0] * rows.shape[1]


class TestRefusals:
    def test_an_unfitted_model(self):
        with pytest.raises(NotFittedError):
            evaluate(Autoencoder(2), X)

    def test_what_cannot_decode(self):
        with pytest.raises(PartError, match=r"LinearRegression cannot encode and decode\..*Pass a model"):
            evaluate(LinearRegression().fit(IRIS, KINDS), IRIS)
        with pytest.raises(PartError, match=r"GaussianMixture cannot.*judged by its `score`"):
            evaluate(GaussianMixture(2), IRIS)

    def test_another_number_of_columns(self):
        with pytest.raises(DataError, match=r"have the shape \(3,\); the model takes \(4,\)"):
            evaluate(PCA(2).fit(IRIS), IRIS[:, :3])

    def test_sparse_rows_that_would_not_fit_when_dense(self, monkeypatch):
        wide = scipy.sparse.csr_array((np.ones(2), ([0, 1], [0, 1])), shape=(2000, 100_000))
        model = Made(lambda X: X, lambda codes: codes)
        with pytest.raises(DataError, match=r"the 2000 rows of costly scores, made dense, would take 1\.5 GiB.*`max_rows=1342`"):
            evaluate(model, wide)
        wide.data[0] = np.nan
        with pytest.raises(DataError, match="missing or infinite"):
            evaluate(model, wide)

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (np.where(np.arange(64) == 3, np.nan, TEST), "missing or infinite"),
            (TEST[:, :60], r"have the shape \(60,\); the model takes \(64,\)"),
            (TEST[0], "two or more rows of numbers"),
            (TEST[:1], "two or more rows of numbers"),
        ],
        ids=["missing", "narrow", "flat", "one row"],
    )
    def test_rows_that_do_not_fit(self, model, rows, message):
        with pytest.raises(DataError, match=message):
            evaluate(model, rows)

    def test_labels_that_do_not_fit(self, model):
        with pytest.raises(DataError, match="one value for each of the 200 rows"):
            evaluate(model, TEST, LABELS[1:])
        with pytest.raises(DataError, match="`y` has values that are missing"):
            evaluate(model, TEST, np.where(LABELS == 3, np.nan, LABELS))

    def test_columns_of_another_order(self):
        frame = pd.DataFrame(IRIS, columns=list("abcd"))
        with pytest.raises(DataError, match="same columns in the same order"):
            evaluate(PCA(2).fit(frame), frame[list("bacd")])

    def test_codes_that_are_not_finite(self):
        pca = PCA(2).fit(IRIS)
        pca.components_ = pca.components_ * np.nan
        with pytest.raises(DataError, match="codes of 150 of 150 rows are not finite"):
            evaluate(pca, IRIS)

    def test_too_few_rows_to_judge_by(self, model):
        with pytest.raises(DataError, match="`max_rows`=3"):
            evaluate(model, TEST, max_rows=3)
