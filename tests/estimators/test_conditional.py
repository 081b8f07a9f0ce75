"""Models that are told the class of each row."""

import dataclasses

import numpy as np
import pytest

from isthmus import Autoencoder, load
from isthmus.architectures import Dense
from isthmus.bottlenecks import Gaussian
from isthmus.errors import DataError, PartError
from isthmus.losses import Normal

CENTERS = {"low": -4.0, "high": 4.0, "mid": 0.0}


def rows_of(n=300, seed=0):
    """Rows whose mean is their class's, and whose deviation from it lies on one line."""
    rng = np.random.default_rng(seed)
    y = rng.choice(list(CENTERS), n)
    along = rng.normal(size=(n, 1))
    X = np.vectorize(CENTERS.get)(y)[:, None] * [1.0, -0.5, 0.5, 1.0] + along * [1.0, 1.0, -1.0, 0.5]
    return X + 0.05 * rng.normal(size=X.shape), y, along[:, 0]


@pytest.fixture(scope="module")
def plain():
    X, y, _ = rows_of()
    return Autoencoder(1, conditional=True, max_epochs=30, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def variational():
    X, y, _ = rows_of()
    parts = {"architecture": Dense((16,)), "loss": Normal(0.3), "bottleneck": Gaussian()}
    return Autoencoder(2, conditional=True, **parts, max_epochs=300, learning_rate=5e-3, random_state=0).fit(X, y)


class TestAPlainOne:
    def test_knows_the_classes(self, plain):
        assert plain.classes_.tolist() == ["high", "low", "mid"]
        assert plain.model_.parts.n_classes == 3

    def test_a_code_need_not_hold_the_class(self, plain):
        X, y, along = rows_of()
        without = Autoencoder(1, max_epochs=30, random_state=0).fit(X)
        assert plain.score(X, y) > 0.3 * without.score(X)
        assert abs(np.corrcoef(plain.transform(X, y)[:, 0], along)[0, 1]) > 0.98

    def test_begins_at_the_classes_means_and_what_is_left(self):
        X, y, along = rows_of()
        start = Autoencoder(1, architecture=Dense(), conditional=True, max_epochs=1, learning_rate=1e-9, random_state=0).fit(X, y)
        assert abs(np.corrcoef(start.transform(X, y)[:, 0], along)[0, 1]) > 0.98
        for name in start.classes_:
            mean = X[y == name].mean(axis=0)
            codes = start.transform(X[y == name], y[y == name]).mean(axis=0, keepdims=True)
            np.testing.assert_allclose(start.inverse_transform(codes, name)[0], mean, atol=0.1)

    def test_a_code_gives_a_row_of_each_class(self, plain):
        rows = [plain.inverse_transform([[0.0]], name)[0] for name in ("low", "mid", "high")]
        assert rows[0][0] < rows[1][0] - 2.0 < rows[2][0] - 4.0

    def test_one_class_for_all_is_that_class_for_each(self, plain):
        X, _, _ = rows_of(20)
        np.testing.assert_array_equal(plain.transform(X, "mid"), plain.transform(X, ["mid"] * 20))

    def test_rows_are_encoded_in_any_order(self, plain):
        X, y, _ = rows_of(300)
        order = np.random.default_rng(1).permutation(300)
        np.testing.assert_array_equal(plain.transform(X[order], y[order]), plain.transform(X, y)[order])

    def test_fits_and_transforms_at_once(self):
        X, y, _ = rows_of(60)
        autoencoder = Autoencoder(1, conditional=True, max_epochs=2, random_state=0)
        np.testing.assert_array_equal(autoencoder.fit_transform(X, y), autoencoder.transform(X, y))

    def test_is_saved_whole(self, plain, tmp_path):
        X, y, _ = rows_of(20)
        plain.save(tmp_path / "model.isthmus")
        again = load(tmp_path / "model.isthmus")
        np.testing.assert_array_equal(again.classes_, plain.classes_)
        np.testing.assert_array_equal(again.reconstruct(X, y), plain.reconstruct(X, y))
        assert again.summary().n_flops > 0

    def test_goes_on_with_the_classes_it_knows(self, plain):
        X, y, _ = rows_of(100, seed=3)
        only = y == "low"
        more = Autoencoder(1, conditional=True, warm_start=True, max_epochs=2, random_state=0).fit(X, y)
        more.fit(X[only], y[only])
        assert more.classes_.tolist() == ["high", "low", "mid"]
        parted = Autoencoder(1, conditional=True, random_state=0).partial_fit(X, y).partial_fit(X[only], y[only])
        assert parted.classes_.tolist() == ["high", "low", "mid"]

    def test_watches_rows_with_their_classes(self):
        X, y, _ = rows_of(120)
        autoencoder = Autoencoder(1, conditional=True, max_epochs=2, random_state=0)
        watched = autoencoder.fit(X[:80], y[:80], validation_data=(X[80:], y[80:])).history_["val_loss"]
        wrong = autoencoder.fit(X[:80], y[:80], validation_data=(X[80:], y[80:][::-1])).history_["val_loss"]
        assert watched[0] < wrong[0]
        noisy = autoencoder.fit(X[:80], y[:80], target=X[:80] + 0.1, validation_data=(X[80:], y[80:], X[80:] + 0.1))
        assert noisy.history_["val_loss"][0] != watched[0]

    def test_images_have_a_channel_for_each_class(self):
        X = np.random.default_rng(0).uniform(size=(40, 8, 8, 1))
        y = np.arange(40) % 2
        autoencoder = Autoencoder(2, architecture="convolutional", conditional=True, max_epochs=1, random_state=0).fit(X, y)
        assert autoencoder.reconstruct(X, y).shape == X.shape
        assert not np.array_equal(autoencoder.transform(X, y), autoencoder.transform(X, 1 - y))


class TestAVariationalOne:
    def test_samples_of_a_class_are_like_its_rows(self, variational):
        X, y, _ = rows_of()
        for name in CENTERS:
            rows = variational.sample(400, name, noise=True, random_state=0)
            np.testing.assert_allclose(rows.mean(axis=0), X[y == name].mean(axis=0), atol=0.4)
            np.testing.assert_allclose(rows.std(axis=0), np.sqrt(X[y == name].var(axis=0) + 0.3**2), rtol=0.25)  # with the loss's spread

    def test_a_class_for_each_sample(self, variational):
        rows = variational.sample(2, ["low", "high"], random_state=0)
        assert rows[0, 0] < 0.0 < rows[1, 0]

    def test_likelihoods_depend_on_the_class(self, variational):
        X, y, _ = rows_of(30)
        right = variational.log_likelihood(X, 50, y, random_state=0).value
        wrong = variational.log_likelihood(X, 50, np.where(y == "low", "high", "low"), random_state=0).value
        assert right.mean() > wrong.mean() + 10.0
        bound = variational.elbo(X, 20, y, random_state=0)["elbo"]
        assert bound.mean() < right.mean()
        assert variational.kl_per_dimension(X, y).shape == (2,)
        assert variational.sample_posterior(X, 3, y).shape == (30, 3, 2)

    def test_interpolates_within_a_class(self, variational):
        X, y, _ = rows_of()
        low = X[y == "low"]
        rows = variational.interpolate(low[0], low[1], 5, "low")
        assert rows.shape == (5, 4)
        assert np.all(rows[:, 0] < -1.0)

    def test_a_density_is_found_for_each_class(self, variational):
        X, y, _ = rows_of()
        density = variational.fit_density(X, y, n_components=2, random_state=0).density_
        assert density.means.shape == (3, 2, 2)
        rows = variational.sample(300, "high", random_state=0)
        np.testing.assert_allclose(rows.mean(axis=0), X[y == "high"].mean(axis=0), atol=0.4)


class TestRefusals:
    def test_classes_must_be_given(self, plain):
        X, y, _ = rows_of(9)
        for call in (
            lambda: Autoencoder(1, conditional=True).fit(X),
            lambda: plain.transform(X),
            lambda: plain.inverse_transform([[0.0]]),
            lambda: plain.score(X),
        ):
            with pytest.raises(DataError, match=r"This model is conditional: it is told the class of each row\. Pass `y`"):
                call()
        with pytest.raises(DataError, match=r"`y` has 9 classes for 5 rows\. Give one for each row"):
            plain.transform(X[:5], y)

    def test_classes_must_be_known(self, plain):
        X, _, _ = rows_of(3)
        with pytest.raises(DataError, match=r"`y` has classes that were not fitted: \['top'\]\. Give some of \['high', 'low', 'mid'\]"):
            plain.transform(X, ["top", "low", "low"])

    def test_classes_must_be_classes(self):
        X, _, along = rows_of(30)
        with pytest.raises(ValueError, match="Unknown label type: continuous"):
            Autoencoder(1, conditional=True).fit(X, along)

    @pytest.mark.parametrize(
        "parts", [{"architecture": "tied"}, {"bottleneck": "gaussian", "prior": "vamp"}, {"regularizers": "contractive"}], ids=str
    )
    def test_a_part_that_knows_no_classes_is_refused(self, parts):
        X, y, _ = rows_of(30)
        with pytest.raises(PartError, match=r"does not work in a conditional model.*Use another part"):
            Autoencoder(1, conditional=True, **parts).fit(X, y)

    def test_layers_are_not_trained_one_by_one(self):
        X, y, _ = rows_of(30)
        with pytest.raises(PartError, match="`pretraining` trains layers one by one, which know no classes"):
            Autoencoder(1, architecture=Dense((3,)), pretraining="layer_wise", conditional=True, max_epochs=1).fit(X, y)

    def test_a_model_that_is_not_conditional_ignores_them(self):
        X, y, _ = rows_of(30)
        autoencoder = Autoencoder(1, max_epochs=1, random_state=0).fit(X, y)
        np.testing.assert_array_equal(autoencoder.transform(X, y), autoencoder.transform(X))
        assert not hasattr(autoencoder, "classes_")

    def test_validation_rows_need_classes(self):
        X, y, _ = rows_of(30)
        with pytest.raises(DataError, match="a tuple of rows and classes, or rows, classes and targets; got a tuple of 4"):
            Autoencoder(1, conditional=True, max_epochs=1).fit(X, y, validation_data=(X, y, X, X))


def test_the_number_of_classes_is_in_the_saved_parts(plain):
    assert dataclasses.replace(plain.model_.parts, n_classes=None) != plain.model_.parts
