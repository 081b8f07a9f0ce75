"""A fit that begins with another model's encoder."""

import copy

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.errors import PartError
from isthmus.optimizers import Adam
from isthmus.training import trace_count


@pytest.fixture(scope="module")
def frozen(small):
    """An estimator that learns a decoder and leaves its encoder alone."""
    return clone(small).set_params(optimizer=Adam(0.01, frozen=("encoder",)))


def assert_equal_trees(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


class TestWeights:
    def test_a_frozen_encoder_stays_as_it_was_and_so_do_its_codes(self, frozen, fitted, table):
        other = clone(frozen).fit(table[:90], pretrained=fitted)
        assert_equal_trees(other.model_.weights.encoder, fitted.model_.weights.encoder)
        assert_equal_trees(other.scaling_, fitted.scaling_)
        np.testing.assert_array_equal(other.transform(table), fitted.transform(table))
        assert not np.allclose(other.reconstruct(table), fitted.reconstruct(table))

    def test_an_encoder_that_is_not_frozen_begins_there(self, small, fitted, table):
        near = clone(small).set_params(learning_rate=1e-9).fit(table, pretrained=fitted)
        np.testing.assert_allclose(near.transform(table), fitted.transform(table), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(near.reconstruct(table), fitted.reconstruct(table), rtol=1e-4, atol=1e-4)

    def test_a_decoder_of_another_form_is_made_anew(self, frozen, fitted, table):
        autoencoder = clone(frozen).set_params(hidden_dims=None, architecture=Dense((8,), decoder_dims=(5, 4), dropout=0.1))
        other = autoencoder.fit(table, pretrained=fitted)
        assert [layer.weight.shape for layer in other.model_.weights.decoder.layers] == [(2, 5), (5, 4), (4, 6)]
        np.testing.assert_array_equal(other.transform(table), fitted.transform(table))

    def test_a_decoder_with_another_output_is_made_anew(self, frozen, fitted, table):
        options = {"learning_rate": 1e-9, "output_activation": "softplus", "max_epochs": 1, "random_state": 5}
        other = clone(frozen).set_params(**options).fit(table, pretrained=fitted)
        weights = [each.model_.weights.decoder.layers[0].weight for each in (other, fitted)]
        assert not np.allclose(*weights, atol=1e-3)
        np.testing.assert_array_equal(other.transform(table), fitted.transform(table))

    def test_scaling_is_that_of_the_encoder_whatever_is_asked_for(self, frozen, fitted, table):
        assert_equal_trees(clone(frozen).set_params(scaling="standard").fit(100.0 * table, pretrained=fitted).scaling_, fitted.scaling_)

    def test_another_fit_without_it_begins_afresh(self, frozen, fitted, table):
        autoencoder = clone(frozen).set_params(random_state=1).fit(table, pretrained=fitted)
        assert not np.allclose(autoencoder.fit(table).transform(table), fitted.transform(table))

    def test_it_compiles_nothing(self, frozen, fitted, table):
        clone(frozen).fit(table)
        before = trace_count()
        clone(frozen).fit(table, pretrained=fitted)
        assert trace_count() == before

    def test_a_warm_start_goes_on_from_there(self, frozen, fitted, table):
        autoencoder = clone(frozen).set_params(warm_start=True).fit(table, pretrained=fitted)
        first = autoencoder.history_["loss"]
        assert autoencoder.fit(table).history_["loss"][0] < first[0]
        np.testing.assert_array_equal(autoencoder.transform(table), fitted.transform(table))

    def test_what_was_learned_elsewhere_is_not_touched(self, small, fitted, table):
        before = copy.deepcopy(fitted.model_.weights)
        clone(small).set_params(learning_rate=0.1).fit(table, pretrained=fitted)
        assert_equal_trees(fitted.model_.weights, before)


class TestWhereItComesFrom:
    def test_the_path_of_a_saved_model_will_do(self, frozen, fitted, table, tmp_path):
        fitted.save(tmp_path / "first.isthmus")
        by_object = clone(frozen).fit(table, pretrained=fitted)
        for path in (tmp_path / "first.isthmus", str(tmp_path / "first.isthmus")):
            by_path = clone(frozen).fit(table, pretrained=path)
            np.testing.assert_array_equal(by_path.reconstruct(table), by_object.reconstruct(table))

    def test_it_goes_through_pipelines_and_searches(self, frozen, fitted, table):
        pipeline = make_pipeline(frozen, StandardScaler()).fit(table, autoencoder__pretrained=fitted)
        np.testing.assert_array_equal(pipeline[:-1].transform(table), fitted.transform(table))
        search = GridSearchCV(frozen, {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(table, pretrained=fitted)
        np.testing.assert_array_equal(search.best_estimator_.transform(table), fitted.transform(table))


class TestRefusals:
    @pytest.mark.parametrize(
        "change",
        [{"latent_dim": 3}, {"hidden_dims": (9,)}, {"hidden_dims": (8, 8)}, {"activation": "relu"}, {"code_activation": "tanh"}],
        ids=str,
    )
    def test_another_encoder_is_refused(self, change, frozen, fitted, table):
        with pytest.raises(
            PartError, match=r"`pretrained` has the encoder of Dense\(.* Give both the same `architecture`, `hidden_dims`, "
        ):
            clone(frozen).set_params(**change).fit(table, pretrained=fitted)

    def test_rows_of_another_shape_are_refused(self, frozen, fitted, table):
        with pytest.raises(
            PartError, match=r"`pretrained` was fitted to rows of shape \(6,\); these are of shape \(5,\)\. Give rows of the"
        ):
            clone(frozen).fit(table[:, :5], pretrained=fitted)
        with pytest.raises(PartError, match=r"these are of shape \(2, 3\)"):
            clone(frozen).fit(table.reshape(-1, 2, 3), pretrained=fitted)

    def test_columns_in_another_order_are_refused(self, small, table):
        frame = pd.DataFrame(table, columns=list("abcdef"))
        donor = clone(small).fit(frame)
        with pytest.raises(
            PartError, match=r"fitted to the columns \['a', .*\]; these are \['b', .*\]\. Give the same columns, in the same"
        ):
            clone(small).fit(frame[list("bacdef")], pretrained=donor)
        assert np.isfinite(clone(small).fit(frame, pretrained=donor).score(frame))

    @pytest.mark.parametrize("given", [Autoencoder(2), 3, object()], ids=["unfitted", "number", "object"])
    def test_what_is_no_fitted_model_is_refused(self, given, small, table):
        autoencoder = clone(small)
        with pytest.raises(
            PartError, match=r"`pretrained` must be a fitted `Autoencoder` or the path of a saved one; got .*\. Fit it first\."
        ):
            autoencoder.fit(table, pretrained=given)
        assert not hasattr(autoencoder, "model_")

    def test_two_beginnings_are_refused(self, small, fitted, table):
        with pytest.raises(
            PartError, match=r"`pretrained` and the parameter `pretraining` both say where a fit begins\. Give one of them\."
        ):
            clone(small).set_params(pretraining="layer_wise").fit(table, pretrained=fitted)
        autoencoder = clone(small).set_params(warm_start=True).fit(table)
        with pytest.raises(
            PartError, match=r"`warm_start` goes on with this estimator's own weights, `pretrained` brings others\. Turn one"
        ):
            autoencoder.fit(table, pretrained=fitted)

    def test_a_file_that_is_not_there_is_not_found(self, small, table, tmp_path):
        with pytest.raises(FileNotFoundError):
            clone(small).fit(table, pretrained=tmp_path / "absent.isthmus")
