"""The verdict: each finding is provoked, by a small model that has the fault or by one that is told it has, and says what to try."""

import copy

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA

from evaluation.models import Made
from isthmus import Autoencoder, evaluate
from isthmus.presets import vqvae

DIGITS = load_digits().data[:300]
IRIS = load_iris().data
RNG = np.random.default_rng(0)


def found(model, X, **options):
    """Findings by kind; whatever is wrong comes with what to try, and stands before what is good."""
    findings = evaluate(model, X, **options).findings
    levels = [("problem", "notice", "good").index(finding.level) for finding in findings]
    assert levels == sorted(levels)
    assert all(finding.advice for finding in findings if finding.level != "good")
    return {finding.kind: finding for finding in findings}


class TestReconstruction:
    def test_the_mean_row_for_every_row(self):
        model = Made(lambda X: X[:, :2], lambda codes: np.broadcast_to(DIGITS.mean(axis=0), (len(codes), 64)))
        kinds = found(model, DIGITS)
        assert kinds["mean rows"].level == "problem"
        assert "little more than the mean row" in kinds["mean rows"].text
        assert "narrow code" not in kinds  # the width is not what it loses by

    def test_worse_and_better_than_pca(self):
        pca = PCA(4).fit(DIGITS)
        worse = Made(pca.transform, lambda codes: pca.inverse_transform(codes) + 1.0)
        assert "takes no training" in found(worse, DIGITS)["behind PCA"].text
        way = RNG.uniform(-3.0, 3.0, size=(200, 1))
        bent = Made(lambda X: X[:, :1], lambda codes: np.hstack([codes, np.sin(codes), codes**2]))
        assert (
            found(bent, np.hstack([way, np.sin(way), way**2]))["beside PCA"].text == "The squared error is 100% below that of PCA, 1 wide."
        )

    def test_blurred_images(self):
        images = DIGITS.reshape(-1, 8, 8, 1)

        def blurred(codes):
            rows = codes.reshape(-1, 8, 8, 1)
            return (rows + np.roll(rows, 1, axis=1) + np.roll(rows, 1, axis=2) + np.roll(rows, 2, axis=1)) / 4.0

        kinds = found(Made(lambda X: X.reshape(len(X), -1), blurred), images)
        assert "of the originals' detail" in kinds["blur"].text
        assert "`ssim`" in kinds["blur"].advice

    def test_a_few_rows_with_most_of_the_error(self):
        rows = np.vstack([RNG.normal(size=(300, 6)), 50.0 + RNG.normal(size=(3, 6))])
        model = Made(lambda X: X[:, :3], lambda codes: np.hstack([codes, np.zeros_like(codes)]))
        assert "Look at the worst rows" in found(model, rows)["outliers"].advice

    def test_a_column_with_most_of_the_error(self):
        rows = RNG.normal(size=(100, 6)) * [1.0, 1.0, 1.0, 1.0, 1.0, 30.0]
        model = Made(lambda X: X[:, :3], lambda codes: np.hstack([codes, np.zeros_like(codes)]))
        assert "scaling='standard'" in found(model, rows)["one column"].advice


class TestCodes:
    def test_dimensions_that_do_not_move(self):
        axes = PCA(3).fit(DIGITS)
        some = Made(lambda X: axes.transform(X) * [1.0, 1.0, 1e-6], axes.inverse_transform)
        assert found(some, DIGITS)["dead units"].text == "1 of 3 dimensions of the code are not used."
        none = Made(lambda X: np.zeros((len(X), 2)), lambda codes: np.broadcast_to(DIGITS.mean(axis=0), (len(codes), 64)))
        assert found(none, DIGITS)["dead units"].level == "problem"

    def test_more_dimensions_than_directions(self):
        axes = PCA(2).fit(DIGITS)
        model = Made(lambda X: np.repeat(axes.transform(X), 4, axis=1), lambda codes: axes.inverse_transform(codes[:, ::4]))
        assert "A `latent_dim` of about 2 may do" in found(model, DIGITS)["wide code"].advice

    def test_fewer_dimensions_than_the_rows_have(self):
        rows = RNG.normal(size=(300, 6))
        assert "a larger `latent_dim`" in found(PCA(1).fit(rows), rows)["narrow code"].advice

    def test_entries_of_a_codebook_that_nobody_uses(self):
        model = vqvae(4, n_codes=8, hidden_dims=(4,), max_epochs=1, random_state=0).fit(IRIS)
        assert "collapse" not in found(model, IRIS)
        model.codes = lambda X, y=None: np.zeros((len(X), 4), int)
        assert "8 entries of a codebook 600 vectors use 1" in found(model, IRIS)["collapse"].text


class TestTraining:
    @pytest.fixture(scope="class")
    @staticmethod
    def fitted():
        """Of iris; not to be changed."""
        return Autoencoder(2, hidden_dims=(8,), max_epochs=30, random_state=0).fit(IRIS)

    @staticmethod
    def told(model, **attributes):
        """A copy with other attributes."""
        changed = copy.copy(model)
        vars(changed).update(attributes)
        return changed

    def test_rows_learned_by_heart(self, fitted):
        rows = RNG.normal(size=(200, 5))
        known = rows[:100]

        def nearest(X):
            return known[np.square(X[:, None] - known).sum(axis=-1).argmin(axis=1)]

        kinds = found(Made(nearest, lambda codes: codes + 0.01), rows[100:], training=known)
        assert "times that on the training rows" in kinds["overfitting"].text
        history = {"loss": np.full(9, 1.0), "val_loss": np.full(9, 2.0)}
        model = self.told(fitted, history_=history, stop_reason_="patience", best_epoch_=9)
        kinds = found(model, IRIS)
        assert kinds["overfitting"].text == "The validation loss is 2.00 times the training loss."
        assert "under-training" not in kinds

    @pytest.mark.parametrize("n_epochs", [2, 3, 40])
    def test_a_loss_that_was_still_falling(self, fitted, n_epochs):
        history = {"loss": np.linspace(2.0, 1.0, n_epochs), "val_loss": np.linspace(2.0, 1.0, n_epochs)}
        model = self.told(fitted, history_=history, stop_reason_="max_epochs", best_epoch_=n_epochs)
        assert "`max_epochs`" in found(model, IRIS)["under-training"].advice
        assert "under-training" not in found(self.told(model, stop_reason_="patience"), IRIS)

    def test_a_fit_that_was_cut_short(self):
        model = Autoencoder(2, hidden_dims=(8,), optimizer="sgd", learning_rate=0.01, max_epochs=3, random_state=0).fit(IRIS)
        assert "of 3 epochs" in found(model, IRIS)["under-training"].text

    def test_a_code_that_the_decoder_ignores(self, fitted):
        assert found(self.told(fitted, active_units_=0), IRIS)["collapse"].level == "problem"
        some = found(self.told(fitted, active_units_=1), IRIS)["collapse"]
        assert some.level == "notice"
        assert "`bottleneck__beta`" in some.advice

    def test_a_column_of_another_unit_unless_scaling_brings_it_down(self, fitted):
        rows = np.vstack([IRIS[:, :3], IRIS[:, :3]]) * [1.0, 1.0, 1000.0]
        for scaling, is_told in (("common", True), ("standard", False), ("min_max", False)):
            model = Autoencoder(2, hidden_dims=(8,), scaling=scaling, max_epochs=1, random_state=0).fit(rows)
            kinds = found(model, rows)
            assert ("unscaled data" in kinds) == is_told, scaling
        assert "unscaled data" not in found(fitted, IRIS)

    def test_columns_that_stand_still(self):
        rows = np.hstack([IRIS, np.ones((150, 5))])
        assert "5 of 9 columns" in found(PCA(2).fit(rows), rows)["constant columns"].text
