"""A fit that begins with layers trained one by one."""

import numpy as np
import pytest
from sklearn.base import clone

import isthmus
from isthmus import Autoencoder
from isthmus.architectures import Dense, Tied
from isthmus.corruptions import Masking
from isthmus.errors import DivergedError, PartError
from isthmus.estimators import _pretraining
from isthmus.optimizers import Adam
from isthmus.pretraining import LayerWise
from isthmus.training import trace_count


@pytest.fixture(scope="module")
def deep(small):
    return clone(small).set_params(pretraining=LayerWise(epochs=4))


def start(autoencoder, rows):
    """The loss where the fit itself begins."""
    return -clone(autoencoder).set_params(learning_rate=1e-9, max_epochs=1).fit(rows).score(rows)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [Dense((64, 32), activation="sigmoid"), Tied((64,), activation="sigmoid")], ids=repr)
def test_the_fit_begins_far_lower_and_ends_lower(architecture, digits):
    plain = Autoencoder(8, architecture=architecture, max_epochs=5, random_state=0)
    layer_wise = clone(plain).set_params(pretraining=LayerWise(epochs=15))
    assert start(layer_wise, digits) < 0.6 * start(plain, digits)
    assert layer_wise.fit(digits).score(digits) > plain.fit(digits).score(digits)


def test_it_is_repeated_by_its_random_state(deep, table):
    first, again = (clone(deep).fit(table).transform(table) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, clone(deep).set_params(random_state=1).fit(table).transform(table))


def test_without_it_nothing_has_changed(small, table, fitted):
    np.testing.assert_array_equal(clone(small).set_params(pretraining=None).fit(table).transform(table), fitted.transform(table))


def test_every_pair_of_layers_compiles_one_program_and_other_floats_none(table):
    autoencoder = Autoencoder(2, hidden_dims=(7,), batch_size=32, max_epochs=1, random_state=0, pretraining=LayerWise(epochs=1))
    before = trace_count()
    autoencoder.fit(table)
    assert trace_count() - before == 2 + 1
    autoencoder.set_params(pretraining=LayerWise(epochs=2, corruption=Masking(0.5), optimizer=Adam(0.01)), random_state=1).fit(table)
    assert trace_count() - before == 2 + 1


def test_what_a_fit_may_be_given_it_may_be_given_too(deep, table):
    rng = np.random.default_rng(0)
    noisy = (table + rng.normal(size=table.shape)).astype(np.float32)  # scaled in the program
    watched = (noisy[:50], table[:50])
    weights = rng.uniform(size=(2, len(table)))
    codes = [clone(deep).fit(noisy, target=table, sample_weight=weight, validation_data=watched).transform(table) for weight in weights]
    assert np.all(np.isfinite(codes))
    assert not np.allclose(*codes)


def test_its_time_is_part_of_the_fits(deep, table):
    autoencoder = clone(deep).set_params(max_seconds=1e-6, max_epochs=10**6, patience=None, pretraining__epochs=10**6).fit(table)
    assert autoencoder.stop_reason_ == "max_seconds"
    plain = clone(deep).set_params(pretraining=None).fit(table)
    assert clone(deep).set_params(pretraining__epochs=300, patience=None).fit(table).fit_seconds_ > plain.fit_seconds_


def test_warm_starts_and_partial_fits_go_without(deep, table, monkeypatch):
    autoencoder = clone(deep).set_params(warm_start=True).fit(table)

    def never(*arguments, **options):
        raise AssertionError

    monkeypatch.setattr(LayerWise, "__call__", never)
    autoencoder.fit(table)
    clone(deep).partial_fit(table)


def test_its_fields_are_parameters(deep, table, tmp_path):
    autoencoder = clone(deep).set_params(pretraining="layer_wise")
    assert autoencoder.get_params()["pretraining__corruption__share"] == 0.2
    autoencoder.set_params(pretraining__epochs=1, pretraining__corruption="gaussian", pretraining__optimizer__learning_rate=0.01)
    assert clone(autoencoder).pretraining == LayerWise(1, "gaussian", Adam(0.01))
    autoencoder.fit(table).save(tmp_path / "model.isthmus")
    again = isthmus.load(tmp_path / "model.isthmus")
    assert again.get_params() == autoencoder.get_params()
    np.testing.assert_array_equal(again.transform(table), autoencoder.transform(table))


def test_progress_is_printed_pair_by_pair(deep, table, capsys):
    clone(deep).set_params(verbose=4).fit(table)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("pretraining")] == [
        "pretraining 1: (6,) to (8,)",
        "pretraining 2: (8,) to (2,)",
    ]
    assert sum(line.startswith("epoch 4/4") for line in lines) == 2


def test_what_goes_wrong_in_it_names_the_place(deep, table):
    autoencoder = clone(deep).set_params(pretraining__optimizer="sgd", pretraining__optimizer__learning_rate=1e38, activation="relu")
    with pytest.raises(DivergedError, match=r"In `pretraining`, at pair 1 of layers, with Sgd\(.*: The loss was not finite, "):
        autoencoder.fit(table)
    assert not hasattr(autoencoder, "model_")


def test_an_interruption_ends_the_fit_without_a_model(deep, table, monkeypatch):
    def interrupted(*arguments):
        return run(*arguments)._replace(status="interrupted")

    run = _pretraining.run
    monkeypatch.setattr(_pretraining, "run", interrupted)
    autoencoder = clone(deep)
    with pytest.raises(KeyboardInterrupt, match="before the fit itself began"):
        autoencoder.fit(table)
    assert not hasattr(autoencoder, "model_")


def test_what_cannot_be_pretrained_is_refused(table):
    with pytest.raises(PartError, match=r"a linear path beside its layers\. Give `hidden_dims`"):
        Autoencoder(2, pretraining="layer_wise").fit(table)
    with pytest.raises(PartError, match=r"Choose one of: dense, tied; or leave `pretraining` None\."):
        Autoencoder(2, architecture="residual", pretraining="layer_wise").fit(table)
    with pytest.raises(PartError, match=r"Unknown `pretraining`: 'greedy'\. Choose one of: layer_wise; or pass an instance of "):
        Autoencoder(2, pretraining="greedy").fit(table)
