"""A model that was saved is the model that was fitted."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import isthmus
from isthmus import Autoencoder
from isthmus._types import Positive
from isthmus.architectures import Dense
from isthmus.errors import FileFormatError
from isthmus.losses import AbstractLoss
from isthmus.optimizers import Adamw, Cosine


def assert_the_same(again, autoencoder, rows):
    for method in ("transform", "reconstruct", "score_samples"):
        np.testing.assert_array_equal(getattr(again, method)(rows), getattr(autoencoder, method)(rows))
    assert again.get_params() == autoencoder.get_params()
    assert again.model_.parts == autoencoder.model_.parts
    for name in ("n_features_in_", "sample_shape_", "n_epochs_", "best_epoch_", "stop_reason_", "fit_seconds_", "compile_seconds_"):
        assert getattr(again, name) == getattr(autoencoder, name)
    assert again.zero_share_ == autoencoder.zero_share_
    assert set(again.history_) == set(autoencoder.history_)
    for name, values in autoencoder.history_.items():
        np.testing.assert_array_equal(again.history_[name], values)
        assert again.history_[name].dtype == values.dtype
    assert str(again.summary()) == str(autoencoder.summary())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scaling": None},
        {"loss": "huber", "loss__delta": 0.3, "output_activation": None},
        {"regularizers": ("l1", "l2"), "corruption": "masking", "code_activation": "tanh"},
        {
            "optimizer": Adamw(schedule=Cosine(0.1), frozen=("encoder",)),
            "architecture": Dense(dropout=0.1, layer_norm=True, linear_path=True),
        },
        {"precision": "bfloat16", "hidden_dims": [8], "verbose": 0},
    ],
    ids=str,
)
def test_it_comes_back_bit_for_bit(changes, small, table, tmp_path):
    autoencoder = clone(small).set_params(**changes).fit(table)
    autoencoder.save(tmp_path / "model.isthmus")
    assert_the_same(isthmus.load(tmp_path / "model.isthmus"), autoencoder, table)
    assert_the_same(Autoencoder.load(str(tmp_path / "model.isthmus")), autoencoder, table)


def test_names_of_columns_come_back(small, table, tmp_path):
    frame = pd.DataFrame(table, columns=list("abcdef"))
    autoencoder = clone(small).fit(frame)
    autoencoder.save(tmp_path / "model.isthmus")
    again = isthmus.load(tmp_path / "model.isthmus")
    assert list(again.feature_names_in_) == list("abcdef")
    np.testing.assert_array_equal(again.transform(frame), autoencoder.transform(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        again.transform(frame[list("bacdef")])


def test_shapes_of_rows_come_back(small, table, tmp_path):
    images = table.reshape(-1, 3, 2, 1)
    autoencoder = clone(small).fit(images)
    autoencoder.save(tmp_path / "model.isthmus")
    again = isthmus.load(tmp_path / "model.isthmus")
    np.testing.assert_array_equal(again.reconstruct(images), autoencoder.reconstruct(images))
    assert again.reconstruct(images).shape == images.shape


def test_what_was_loaded_can_be_fitted_further(small, table, fitted, tmp_path):
    fitted.save(tmp_path / "model.isthmus")
    again = isthmus.load(tmp_path / "model.isthmus")
    loss = -again.score(table)
    for _ in range(5):
        again.set_params(learning_rate=0.01).partial_fit(table)
    assert -again.score(table) < loss
    np.testing.assert_array_equal(again.set_params(learning_rate=None).fit(table).transform(table), fitted.transform(table))


def test_callbacks_and_generators_are_not_kept(small, table, tmp_path):
    parameters = small.get_params(deep=False) | {"random_state": np.random.RandomState(0), "callbacks": [lambda progress: None]}
    autoencoder = Autoencoder(**parameters).fit(table)
    autoencoder.save(tmp_path / "model.isthmus")
    again = isthmus.load(tmp_path / "model.isthmus")
    assert again.random_state is None
    assert again.callbacks == ()
    assert autoencoder.callbacks != ()


class Quartic(AbstractLoss):
    """A user's own."""

    strength: Positive = 1.0

    def __call__(self, weights, outputs, x):
        return self.strength * jnp.sum((outputs - x) ** 4, axis=-1)

    def mean(self, outputs):
        return outputs


def test_a_part_of_ones_own_is_named_when_loading(small, table, tmp_path):
    autoencoder = clone(small).set_params(loss=Quartic(0.5)).fit(table)
    assert autoencoder.history_["loss"][-1] < autoencoder.history_["loss"][0]
    by_hand = -0.5 * np.sum((autoencoder.reconstruct(table) - table) ** 4, axis=1)
    np.testing.assert_allclose(autoencoder.score_samples(table), by_hand, rtol=1e-3)
    autoencoder.save(tmp_path / "model.isthmus")
    assert_the_same(isthmus.load(tmp_path / "model.isthmus", parts=[Quartic]), autoencoder, table)
    with pytest.raises(FileFormatError, match=r"Quartic|quartic"):
        isthmus.load(tmp_path / "model.isthmus")


def test_no_model_is_no_model(tmp_path):
    (tmp_path / "text.isthmus").write_text("not a model")
    with pytest.raises(FileFormatError):
        isthmus.load(tmp_path / "text.isthmus")
    with pytest.raises(FileNotFoundError):
        isthmus.load(tmp_path / "absent.isthmus")
