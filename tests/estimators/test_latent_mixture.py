"""An autoencoder and a mixture as one estimator."""

import pickle
import sys

import jax
import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_array
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import check_estimator_sparse_array

from isthmus import Autoencoder, GaussianMixture, LatentMixture
from isthmus.bottlenecks import Gaussian
from isthmus.errors import DataError, MissingExtraError, PartError
from isthmus.estimators._joint import checked_joint, default_autoencoder
from isthmus.estimators._latent_mixture import _prior_rows
from isthmus.losses import Normal
from isthmus.priors import NormalMixture
from isthmus.regularizers import MixtureLikelihood, SoftAssignment
from isthmus.training import trace_count

QUICK = GaussianMixture(n_init=4, n_swaps=2)


def blobs(n=300):
    return make_blobs(n, n_features=6, centers=3, cluster_std=0.5, random_state=0)


def model(**options):
    return LatentMixture(3, **{"autoencoder": Autoencoder(2, max_epochs=40), "mixture": QUICK, "random_state": 0, **options})


@pytest.fixture(scope="module")
def fitted():
    x, _ = blobs()
    return model().fit(x)


def test_it_finds_groups_that_are_far_apart(fitted):
    _, y = blobs()
    assert adjusted_rand_score(y, fitted.labels_) == 1.0


def test_its_methods_agree_with_its_steps(fitted):
    x, _ = blobs()
    codes = fitted.autoencoder_.transform(x)
    np.testing.assert_array_equal(fitted.transform(x), codes)
    np.testing.assert_array_equal(fitted.predict(x), fitted.labels_)
    np.testing.assert_array_equal(fitted.labels_, fitted.mixture_.predict(codes))
    np.testing.assert_array_equal(fitted.predict_proba(x), fitted.mixture_.predict_proba(codes))
    np.testing.assert_array_equal(fitted.score_samples(x), fitted.mixture_.score_samples(codes))
    np.testing.assert_allclose(fitted.score(x), fitted.score_samples(x).mean(), rtol=1e-6)
    np.testing.assert_array_equal(fitted.inverse_transform(codes), fitted.autoencoder_.inverse_transform(codes))


def test_drawn_rows_are_like_those_of_their_clusters(fitted):
    x, _ = blobs()
    rows, labels = fitted.sample(600)
    assert rows.shape == (600, 6)
    for index in range(3):
        own = x[fitted.labels_ == index]
        np.testing.assert_allclose(rows[labels == index].mean(axis=0), own.mean(axis=0), atol=0.4)
        assert np.mean(labels == index) == pytest.approx(len(own) / len(x), abs=0.07)


def test_rows_unlike_those_of_the_fit_have_low_density(fitted):
    x, _ = blobs()
    assert fitted.score_samples(x + 30.0).max() < fitted.score_samples(x).min()


def test_the_same_seed_gives_the_same_bits(fitted):
    x, _ = blobs()
    np.testing.assert_array_equal(model().fit(x).transform(x), fitted.transform(x))


def test_it_is_cloned_and_pickled(fitted):
    x, _ = blobs()
    assert clone(fitted).get_params()["autoencoder__max_epochs"] == 40
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(x), fitted.predict_proba(x))


def test_steps_given_are_copied_and_left_alone():
    x, _ = blobs(60)
    autoencoder, mixture = Autoencoder(2, max_epochs=2), GaussianMixture(7, n_init=1, n_swaps=0)
    made = LatentMixture(2, autoencoder=autoencoder, mixture=mixture).fit(x)
    assert not hasattr(autoencoder, "model_")
    assert not hasattr(mixture, "weights_")
    assert made.mixture_.n_components == 2


def test_an_autoencoder_that_is_fitted_already_is_taken_as_it_is():
    x, _ = blobs(60)
    autoencoder = Autoencoder(2, max_epochs=2, random_state=0).fit(x)
    made = model(autoencoder=FrozenEstimator(autoencoder)).fit(x[:50])
    np.testing.assert_array_equal(made.transform(x), autoencoder.transform(x))


def test_by_itself_the_code_has_as_many_numbers_as_rows_have_but_ten_at_most():
    rng = np.random.default_rng(0)
    for n_features, n_dims in ((3, 3), (14, 10)):
        made = LatentMixture(1, mixture=QUICK).fit(rng.normal(size=(20, n_features)))
        assert made.transform(rng.normal(size=(2, n_features))).shape == (2, n_dims)


def test_by_itself_the_mixture_has_a_prior_that_grows_with_the_rows():
    x = np.random.default_rng(0).normal(size=(50, 3))
    given = LatentMixture(1, autoencoder=PCA(2), mixture=QUICK).fit(x)
    assert given.mixture_.covariance_prior == QUICK.covariance_prior
    assert LatentMixture(1, autoencoder=PCA(2)).fit(x).mixture_.covariance_prior == 0.05
    # Groups on a manifold are small beside the distances between them, and so would be what a row of the whole covariance leaves of them.
    on_manifold = LatentMixture(1, autoencoder=PCA(2), manifold=PCA(1)).fit(x)
    assert on_manifold.mixture_.covariance_prior == GaussianMixture().covariance_prior
    small = Autoencoder(2, max_epochs=1, random_state=0)
    begun_there = LatentMixture(1, autoencoder=small, manifold=PCA(1), joint="soft_assignment", n_rounds=1, round_epochs=1).fit(x)
    assert begun_there.mixture_.covariance_prior == 0.05
    assert (_prior_rows(2000, 3), _prior_rows(10**6, 3)) == (2.0, 6.0)


def test_other_transformers_do_as_well():
    x, y = blobs()
    made = model(autoencoder=PCA(2)).fit(x)
    assert adjusted_rand_score(y, made.labels_) == 1.0
    assert made.sample(4)[0].shape == (4, 6)


def test_sparse_rows_are_clustered_as_dense_ones_are():
    x, _ = blobs(90)
    dense = np.maximum(x, 0.0)
    made = model(autoencoder=Autoencoder(2, max_epochs=2))
    for sparse in (csr_array(dense), csc_matrix(dense)):
        labels = clone(made).fit(sparse).labels_
        np.testing.assert_array_equal(labels, made.fit(dense).labels_)
        np.testing.assert_array_equal(made.predict(sparse), labels)
        np.testing.assert_array_equal(made.score_samples(sparse), made.score_samples(dense))


class TestManifold:
    def test_the_mixture_sees_the_manifold_and_the_user_the_codes(self):
        x, _ = blobs()
        made = model(manifold=PCA(1, whiten=True)).fit(x)
        assert made.transform(x).shape == (300, 2)
        assert made.mixture_.means_.shape == (3, 1)
        np.testing.assert_array_equal(made.predict(x), made.labels_)

    def test_rows_are_drawn_from_the_clusters_of_codes(self):
        x, _ = blobs()
        made = model(manifold=PCA(2, whiten=True)).fit(x)
        codes = made.transform(x)
        for index in range(3):
            own = codes[made.labels_ == index].astype(np.float64)
            np.testing.assert_allclose(made.generator_.means_[index], own.mean(axis=0), rtol=1e-5, atol=1e-5)
            expected = (np.cov(own.T, bias=True) * len(own) + np.cov(codes.astype(np.float64).T, bias=True)) / (len(own) + 1)
            np.testing.assert_allclose(made.generator_.covariances_[index], expected, rtol=1e-3, atol=1e-4)
        rows, labels = made.sample(30)
        assert rows.shape == (30, 6)
        assert np.all(np.diff(labels) >= 0)

    @pytest.mark.slow  # half a minute of compilation by numba
    def test_umap_puts_new_rows_with_their_neighbors(self):
        x, y = blobs()
        made = model(manifold="umap").fit(x[:240])
        assert adjusted_rand_score(y[240:], made.predict(x[240:])) == 1.0

    def test_without_the_package_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "umap", None)
        with pytest.raises(MissingExtraError, match=r"isthmus\[manifold\]"):
            model(manifold="umap").fit(blobs(30)[0])

    def test_one_that_cannot_place_new_rows_is_refused(self):
        with pytest.raises(PartError, match=r"TSNE has no `transform`\. Use"):
            model(manifold=TSNE()).fit(blobs(30)[0])

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(PartError, match="Choose 'umap'"):
            model(manifold="isomap").fit(blobs(30)[0])

    def test_weights_are_refused(self):
        with pytest.raises(PartError, match="Drop the weights"):
            model(manifold=PCA(1)).fit(blobs(30)[0], sample_weight=np.ones(30))


class TestJoint:
    @pytest.mark.slow
    @pytest.mark.parametrize("joint", ["soft_assignment", MixtureLikelihood(weight=3.0)], ids=["by_name", "a_part"])
    def test_networks_learn_from_the_clusters(self, joint):
        x, y = make_blobs(200, n_features=6, centers=3, cluster_std=2.5, random_state=0)
        made = model(joint=joint, n_rounds=3, round_epochs=5, tol=0.0).fit(x)
        assert len(made.changes_) == 3
        assert adjusted_rand_score(y, made.labels_) > 0.9
        np.testing.assert_array_equal(made.predict(x), made.labels_)
        assert made.autoencoder_.regularizers[-1].n_components == 3

    def test_the_penalty_of_the_kept_mixture_falls(self):
        x, _ = make_blobs(200, n_features=6, centers=3, cluster_std=2.5, random_state=0)
        soft = SoftAssignment(weight=100.0)
        made = model(joint=soft, n_rounds=1, round_epochs=90, tol=0.0).fit(x)
        terms = made.autoencoder_.history_["soft_assignment"]
        assert terms[-1] < 0.95 * terms[0]

    def test_the_clusters_stand_still_while_networks_learn(self, monkeypatch):
        x, _ = blobs(90)
        fit, seen = Autoencoder.fit, []

        def watched(self, *args, **options):
            before = [self.model_.weights] if hasattr(self, "model_") else []
            fitted = fit(self, *args, **options)
            seen.append([*before, self.model_.weights])
            return fitted

        monkeypatch.setattr(Autoencoder, "fit", watched)
        model(autoencoder=Autoencoder(2, max_epochs=2), joint=SoftAssignment(weight=50.0), n_rounds=1, round_epochs=3).fit(x)
        before, after = seen[1]
        for one, other in zip(before.regularizers[-1], after.regularizers[-1], strict=True):
            np.testing.assert_array_equal(one, other)
        assert not np.array_equal(jax.tree.leaves(before.encoder)[0], jax.tree.leaves(after.encoder)[0])

    def test_however_many_rounds_there_are_two_programs(self):
        x, _ = blobs(90)
        before = trace_count()
        model(autoencoder=Autoencoder(3, max_epochs=2), joint="soft_assignment", n_rounds=3, tol=0.0, round_epochs=1).fit(x)
        assert trace_count() - before == 2  # with rows to watch, and without

    def test_rounds_end_when_hardly_any_row_changes(self):
        x, _ = blobs()
        assert model(joint="soft_assignment", n_rounds=8, tol=0.5).fit(x).changes_ == [0.0]

    def test_a_manifold_gives_the_clusters_to_begin_with_and_is_done(self):
        x, y = blobs()
        made = model(joint="soft_assignment", manifold=PCA(1, whiten=True), n_rounds=2, tol=0.0).fit(x)
        assert made.manifold_ is None
        assert made.generator_ is made.mixture_
        assert made.mixture_.means_.shape == (3, 2)
        assert made.mixture_.init_params == QUICK.init_params
        assert adjusted_rand_score(y, made.labels_) == 1.0
        np.testing.assert_array_equal(made.predict(x), made.mixture_.predict(made.transform(x)))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"joint": "l2"}, "must be a penalty by clusters"),
            ({"joint": "dec"}, "Choose one of"),
            ({"joint": "soft_assignment", "autoencoder": PCA(2)}, "that is not frozen"),
            ({"joint": "soft_assignment", "n_rounds": 0}, "must be at least 1"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, options, message):
        with pytest.raises(PartError, match=message):
            model(**options).fit(blobs(30)[0])


VARIATIONAL = Autoencoder(2, loss="normal", max_epochs=40)


@pytest.fixture(scope="module")
def variational():
    x, _ = blobs()
    return model(autoencoder=VARIATIONAL, joint="variational", n_rounds=2, round_epochs=10, tol=0.0).fit(x)


class TestVariational:
    def test_the_first_stage_charges_no_divergence_and_the_rounds_do(self, variational):
        first = checked_joint("variational", GaussianMixture(3), clone(VARIATIONAL), (1, 1, 0.0)).way.before(clone(VARIATIONAL))
        assert first.bottleneck == Gaussian(0.0)
        assert first.prior == variational.autoencoder_.prior == NormalMixture(3, covariance="full")
        assert variational.autoencoder_.bottleneck == Gaussian()
        history = variational.autoencoder_.history_
        np.testing.assert_allclose(history["loss"], (history["reconstruction"] + history["kl"]) / 6, rtol=1e-5)

    def test_the_mixture_is_the_prior(self, variational):
        x, _ = blobs()
        codes = variational.transform(x).astype(np.float32)
        found = variational.autoencoder_.model_.bound_prior().log_prob(jax.numpy.asarray(codes))
        np.testing.assert_allclose(found, variational.mixture_.score_samples(codes), rtol=1e-3, atol=1e-3)

    def test_the_mixture_is_that_of_codes_as_the_decoder_sees_them(self, variational):
        x, _ = blobs()
        drawn = variational.autoencoder_.sample_posterior(x)[:, 0]
        again = GaussianMixture(3, means_init=variational.mixture_.means_, covariance_prior=QUICK.covariance_prior).fit(drawn)
        np.testing.assert_allclose(variational.mixture_.score(drawn), again.score(drawn), atol=1e-4)

    def test_it_finds_the_groups_and_bounds_the_density_of_rows(self, variational):
        x, y = blobs()
        assert adjusted_rand_score(y, variational.labels_) == 1.0
        bound = variational.autoencoder_.elbo(x, 20, random_state=0)["elbo"].mean()
        likelihood = variational.autoencoder_.log_likelihood(x, 500, random_state=0).value.mean()
        # One normal distribution in the place of the three groups loses more than the groups' names, log 3 nats, and the bound sees it.
        alone = Autoencoder(2, loss="normal", bottleneck="gaussian", max_epochs=60, random_state=0).fit(x)
        assert alone.elbo(x, 20, random_state=0)["elbo"].mean() < bound < likelihood

    def test_diagonal_mixtures_give_a_diagonal_prior_and_beta_is_the_bottlenecks(self):
        x, _ = blobs(60)
        small = Autoencoder(2, loss="normal", bottleneck=Gaussian(0.5), max_epochs=1)
        mixture = GaussianMixture(covariance_type="diag", n_init=1, n_swaps=0)
        made = model(autoencoder=small, mixture=mixture, joint="variational", n_rounds=1, round_epochs=1).fit(x)
        assert made.autoencoder_.prior == NormalMixture(3, covariance="diag")
        assert made.autoencoder_.bottleneck == Gaussian(0.5)

    def test_by_itself_the_autoencoder_has_a_likelihood(self):
        assert default_autoencoder(3, "variational", 0).loss == Normal(spread="shared")
        assert default_autoencoder(3, "soft_assignment", 0).loss == "squared_error"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"loss": "huber"}, r"the loss 'huber' is no part of\. Give the autoencoder a likelihood"),
            ({"loss": "normal", "bottleneck": "hyperspherical"}, "needs normal posteriors; got Hyperspherical"),
            ({"loss": "normal", "prior": "standard_normal"}, "makes the mixture the prior; got prior='standard_normal' as well"),
        ],
    )
    def test_what_makes_no_bound_is_refused(self, options, message):
        with pytest.raises(PartError, match=message):
            model(autoencoder=Autoencoder(2, **options), joint="variational").fit(blobs(30)[0])


def test_rows_of_no_weight_do_not_count():
    x, _ = blobs(90)
    weight = np.ones(90)
    weight[60:] = 0.0
    spoiled = x.copy()
    spoiled[60:] += 100.0
    made = model(autoencoder=Autoencoder(2, max_epochs=2)).fit(spoiled, sample_weight=weight)
    plain = model(autoencoder=Autoencoder(2, max_epochs=2)).fit(x, sample_weight=weight)
    np.testing.assert_allclose(made.transform(x[:60]), plain.transform(x[:60]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(made.mixture_.weights_, plain.mixture_.weights_, atol=1e-3)


def test_a_fit_that_fails_leaves_the_estimator_as_it_was():
    x, _ = blobs(60)
    made = model(autoencoder=Autoencoder(2, max_epochs=2)).fit(x)
    before = made.predict_proba(x)
    with pytest.raises(ValueError, match="n_components"):
        made.fit(x[:2])
    np.testing.assert_array_equal(made.predict_proba(x), before)


class NeverFitted(PCA):
    def fit_transform(self, X, y=None):
        raise AssertionError("trained before the number of components was looked at")

    fit = fit_transform


@pytest.mark.parametrize(("n_components", "message"), [(31, "more than the 30 rows"), (0, "at least 1; got 0"), (2.5, "got 2.5")])
def test_a_number_of_components_that_cannot_be_is_refused_before_anything_is_trained(n_components, message):
    with pytest.raises(DataError, match=message):
        LatentMixture(n_components, autoencoder=NeverFitted(2)).fit(blobs(30)[0])


def test_a_mixture_of_another_kind_is_refused():
    with pytest.raises(PartError, match="must be a GaussianMixture"):
        model(mixture=PCA(1)).fit(blobs(30)[0])


class WithoutShares(LatentMixture):
    """Without the method whose presence makes scikit-learn's sparse check ask for a classifier's tags."""

    predict_proba = property()


def test_the_sparse_check_fails_for_the_shares_alone():
    check_estimator_sparse_array("WithoutShares", WithoutShares(2, autoencoder=Autoencoder(2, max_epochs=2), mixture=QUICK))
