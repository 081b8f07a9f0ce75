"""What scikit-learn's users do with any estimator."""

import concurrent.futures
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.errors import PartError
from isthmus.optimizers import Adam, Cosine, Sgd, Warmup
from isthmus.regularizers import L1, L2


def test_the_constructor_stores_its_arguments_untouched():
    hidden_dims, regularizers, loss = [8, 4], ["l1"], "no such loss"
    autoencoder = Autoencoder(np.int64(3), hidden_dims=hidden_dims, regularizers=regularizers, loss=loss, learning_rate=-1)
    assert autoencoder.hidden_dims is hidden_dims
    assert autoencoder.regularizers is regularizers
    assert autoencoder.loss is loss
    assert autoencoder.learning_rate == -1


def test_a_clone_has_the_parameters_and_nothing_that_was_learned(fitted):
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copied.transform(np.zeros((1, 6)))


def test_a_clone_with_parts_as_objects_has_equal_parts():
    autoencoder = Autoencoder(2, architecture=Dense((4,), dropout=0.1), optimizer=Adam(schedule=Cosine(0.1)), regularizers=(L1(0.5), "l2"))
    assert clone(autoencoder).get_params() == autoencoder.get_params()


def test_codes_feed_a_classifier_in_a_pipeline(digits):
    X, y = digits[:500], load_digits().target[:500]
    pipeline = make_pipeline(StandardScaler(), Autoencoder(10, max_epochs=3, random_state=0), LogisticRegression())
    assert pipeline.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.75
    assert list(pipeline[:-1].get_feature_names_out()) == [f"autoencoder{index}" for index in range(10)]
    pipeline.set_params(autoencoder__optimizer__clip_norm=1.0)
    assert pipeline["autoencoder"].optimizer.clip_norm == 1.0


@pytest.mark.parametrize(
    ("autoencoder", "name", "default"),
    [
        (Autoencoder(), "architecture__dropout", None),
        (Autoencoder(architecture=Dense(dropout=0.2)), "architecture__dropout", 0.2),
        (Autoencoder(architecture=Dense(initializer="sparse")), "architecture__initializer__scale", 1.0),
        (Autoencoder(optimizer="adam"), "optimizer__schedule", Adam().schedule),
        (Autoencoder(optimizer=Adam(schedule="cosine")), "optimizer__schedule__end", Cosine().end),
        (Autoencoder(optimizer=Sgd(schedule=Warmup(then=Cosine(0.5)))), "optimizer__schedule__then__end", 0.5),
        (Autoencoder(regularizers="l1"), "regularizers__l1__weight", L1().weight),
        (Autoencoder(regularizers=("l2", L1(0.5))), "regularizers__l1__weight", 0.5),
        (Autoencoder(loss="huber"), "loss__delta", 1.0),
        (Autoencoder(corruption="masking"), "corruption__share", 0.3),
    ],
)
def test_a_field_of_a_part_is_a_parameter(autoencoder, name, default):
    assert autoencoder.get_params()[name] == default
    new = "constant" if name == "optimizer__schedule" else 0.25
    before = autoencoder.get_params()
    changed = clone(autoencoder).set_params(**{name: new})
    value = changed.get_params()[name]
    assert value == new or value == Adam(schedule=new).schedule
    assert autoencoder.get_params() == before
    unrelated = {key for key in before if "__" in key and not key.startswith(name.partition("__")[0])}
    assert {key: changed.get_params()[key] for key in unrelated} == {key: before[key] for key in unrelated}


def test_several_fields_are_set_at_once_and_a_part_before_its_fields():
    autoencoder = Autoencoder().set_params(optimizer__clip_norm=2.0, optimizer="sgd", optimizer__momentum=0.5, latent_dim=7)
    assert autoencoder.optimizer == Sgd(momentum=0.5, clip_norm=2.0)
    assert autoencoder.latent_dim == 7


def test_a_field_of_the_automatic_optimizer_makes_it_adam():
    assert Autoencoder().set_params(optimizer__clip_norm=2.0).optimizer == Adam(clip_norm=2.0)


def test_a_part_without_such_a_field_says_which_it_has():
    with pytest.raises(PartError, match=r"`loss` is Huber\(delta=1\.0\), which has no field 'alpha'\. Choose one of: delta\."):
        Autoencoder(loss="huber").set_params(loss__alpha=1.0)
    with pytest.raises(
        PartError, match=r"`regularizers` has no field 'l1__weight'\. Write regularizers__NAME__FIELD, with a name of: l2\."
    ):
        Autoencoder(regularizers=L2()).set_params(regularizers__l1__weight=1.0)
    with pytest.raises(PartError, match="Unknown `corruption`: None"):
        Autoencoder().set_params(corruption__share=0.5)
    with pytest.raises(ValueError, match="Invalid parameter 'latent'"):
        Autoencoder().set_params(latent=3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"latent_dim": 0}, "`latent_dim` must be an integer of at least 1; got 0."),
        ({"latent_dim": 2.0}, "`latent_dim` must be an integer of at least 1; got 2.0."),
        ({"latent_dim": True}, "`latent_dim` must be an integer of at least 1; got True."),
        (
            {"loss": "huge"},
            "Unknown `loss`: 'huge'. Choose one of: absolute_error, bernoulli, ",
        ),
        ({"loss": L1}, "Unknown `loss`: the class L1; write L1()."),
        ({"regularizers": "l3"}, "Unknown `regularizers`: 'l3'. Choose one of: activity_l1, adversary, "),
        ({"regularizers": ("l1", L1(2.0))}, "`regularizers` holds the same kind twice: ['l1', 'l1']. Give each once"),
        ({"architecture": "linear", "hidden_dims": (3,)}, "`hidden_dims`=(3,) was given, but the architecture 'linear' has no such field."),
        ({"activation": "relo"}, "Unknown `dense.activation` 'relo'. Choose one of: clip, elu, gelu, identity,"),
        ({"code_activation": "relo"}, "Unknown `parts.code_activation` 'relo'. Choose one of: clip, elu, gelu, identity,"),
        (
            {"loss": "bernoulli", "output_activation": "tanh"},
            "`output_activation`='tanh' does not go with the loss 'bernoulli', which takes",
        ),
        ({"precision": "float16"}, "Unknown `parts.precision` 'float16'. Choose one of: float32, bfloat16."),
        ({"max_epochs": 0}, "`plan.max_epochs` must be in [1, inf); got 0."),
        ({"batch_size": 1.5}, "`plan.batch_size` must be an integer in [1, inf); got 1.5."),
        ({"learning_rate": 0.0}, "`adam.learning_rate` must be in (0, inf); got 0.0."),
        ({"validation_fraction": 1.0}, "`validation_fraction` must lie between 0 and 1, both left out; got 1.0. None is for no such rows."),
        ({"validation_fraction": "half"}, "`validation_fraction` must lie between 0 and 1, both left out; got 'half'."),
        ({"hidden_dims": 8}, "`dense.hidden_dims` must be a tuple, such as (128, 64); got 8."),
        ({"scaling": "log"}, "Unknown `scaling`: 'log'. Choose one of: common, min_max, standard, unit_range; or pass an instance of"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_answered_at_fit(parameters, message, table):
    autoencoder = Autoencoder(**parameters)
    with pytest.raises(PartError if "validation_fraction" not in parameters else ValueError, match="^" + re.escape(message)):
        autoencoder.fit(table)
    assert not hasattr(autoencoder, "n_features_in_")


def test_codes_have_names(fitted):
    assert list(fitted.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]


def test_set_output_makes_tables(small, table):
    columns = [f"column {index}" for index in range(6)]
    frame = pd.DataFrame(table, columns=columns, index=range(100, 250))
    autoencoder = clone(small).fit(frame)
    codes = autoencoder.transform(frame)
    pandas = autoencoder.set_output(transform="pandas").transform(frame)
    assert isinstance(pandas, pd.DataFrame)
    assert list(pandas.columns) == ["autoencoder0", "autoencoder1"]
    assert list(pandas.index) == list(frame.index)
    np.testing.assert_array_equal(pandas, codes)
    polars = autoencoder.set_output(transform="polars").transform(pl.DataFrame(table, schema=columns))
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == ["autoencoder0", "autoencoder1"]
    np.testing.assert_array_equal(polars.to_numpy(), codes)


def test_columns_must_keep_their_names_and_their_order(small, table):
    frame = pd.DataFrame(table, columns=list("abcdef"))
    autoencoder = clone(small).fit(frame)
    assert list(autoencoder.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="feature names should match"):
        autoencoder.transform(frame[list("bacdef")])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        autoencoder.transform(table)


def test_the_number_of_columns_must_stay(fitted, table):
    with pytest.raises(ValueError, match="X has 5 features, but Autoencoder is expecting 6"):
        fitted.transform(table[:, :5])
    with pytest.raises(ValueError, match=r"Codes have 3 columns; this model's have 2\. Pass what `transform` gave\."):
        fitted.inverse_transform(table[:, :3])


@pytest.mark.parametrize("store", ["pickle", "joblib"])
def test_a_pickled_estimator_gives_the_same_bits(store, fitted, table, tmp_path):
    if store == "pickle":
        again = pickle.loads(pickle.dumps(fitted))
    else:
        joblib.dump(fitted, tmp_path / "model.joblib")
        again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.transform(table), fitted.transform(table))
    np.testing.assert_array_equal(again.reconstruct(table), fitted.reconstruct(table))
    assert again.get_params() == fitted.get_params()
    assert {name: list(values) for name, values in again.history_.items()} == {n: list(v) for n, v in fitted.history_.items()}


def test_threads_give_what_one_gives(fitted):
    rows = np.random.default_rng(1).normal(size=(1000, 6))
    parts = [rows[start:] for start in range(0, 800, 50)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(fitted.transform, parts))
    for part, codes in zip(parts, threaded, strict=True):
        np.testing.assert_array_equal(codes, fitted.transform(part))


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "reconstruct", "predict", "score", "score_samples"])
def test_nothing_works_before_fit(method):
    with pytest.raises(NotFittedError, match="This Autoencoder instance is not fitted yet"):
        getattr(Autoencoder(), method)(np.zeros((2, 6)))
    for other in (Autoencoder().summary, lambda: Autoencoder().save("never"), lambda: Autoencoder().zero_share_):
        with pytest.raises(NotFittedError):
            other()


def test_fitting_touches_no_global_generator(small, table):
    np.random.seed(3)  # noqa: NPY002  # the state that must stay
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    clone(small).fit(table)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_notebook_shows_it_with_what_was_chosen():
    page = Autoencoder(3, loss="huber")._repr_html_()
    assert "Autoencoder" in page
    assert "huber" in page
