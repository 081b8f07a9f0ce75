"""How a fit begins, goes on and ends."""

import copy
import os
import signal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from isthmus.errors import DataError, DivergedError, PartError
from isthmus.estimators._fitting import split_rows


def state_of(estimator):
    return copy.deepcopy({name: value for name, value in vars(estimator).items() if name != "callbacks"})


def assert_unchanged(estimator, before):
    after = state_of(estimator)
    assert set(after) == set(before)
    assert repr(after) == repr(before)


class TestRandomness:
    def test_the_same_number_gives_the_same_bits(self, small, table, fitted):
        np.testing.assert_array_equal(clone(small).fit(table).transform(table), fitted.transform(table))

    def test_another_number_gives_other_weights(self, small, table, fitted):
        other = clone(small).set_params(random_state=1).fit(table)
        assert not np.allclose(other.transform(table), fitted.transform(table))

    def test_no_number_gives_other_weights_each_time(self, small, table):
        autoencoder = clone(small).set_params(random_state=None)
        assert not np.allclose(autoencoder.fit(table).transform(table), autoencoder.fit(table).transform(table))

    def test_a_generator_moves_on(self, small, table):
        autoencoder = small.__class__(**{**small.get_params(deep=False), "random_state": np.random.RandomState(0)})
        first = autoencoder.fit(table).transform(table)
        assert not np.allclose(autoencoder.fit(table).transform(table), first)

    @pytest.mark.parametrize("parameters", [{"corruption": "gaussian"}, {"architecture": "dense", "batch_size": 16}], ids=str)
    def test_draws_in_training_repeat_too(self, parameters, small, table):
        fits = [clone(small).set_params(**parameters, architecture__dropout=0.2).fit(table) for _ in range(2)]
        np.testing.assert_array_equal(fits[0].transform(table), fits[1].transform(table))


class TestFailures:
    @pytest.fixture
    def earlier(self, small, table):
        return clone(small).fit(table)

    @pytest.mark.parametrize("X", [np.full((5, 6), np.nan), np.zeros((0, 6)), "rows"], ids=str)
    def test_bad_rows_destroy_nothing(self, X, earlier):
        before = state_of(earlier)
        for call in (earlier.fit, earlier.partial_fit):
            with pytest.raises(ValueError):
                call(X)
        assert_unchanged(earlier, before)

    def test_a_divergence_is_an_error_that_says_what_to_do_and_destroys_nothing(self, earlier, table):
        codes = earlier.transform(table)
        earlier.set_params(learning_rate=1e38, optimizer="sgd", activation="relu")
        before = state_of(earlier)
        with pytest.raises(DivergedError, match=r"The loss was not finite, \d+ times in \d+ epochs, at learning rates from 1e\+38 down"):
            earlier.fit(table)
        with pytest.raises(DivergedError, match=r"Lower `learning_rate`, set the optimizer's `clip_norm`, or look for values of extreme"):
            earlier.partial_fit(table)
        assert_unchanged(earlier, before)
        np.testing.assert_array_equal(earlier.transform(table), codes)

    def test_a_callback_that_raises_ends_the_fit_and_destroys_nothing(self, earlier, table):
        seen = []

        def refuse(progress):
            seen.append(progress.epoch)
            raise KeyError("enough")

        earlier.set_params(callbacks=[refuse], latent_dim=3)
        before = state_of(earlier)
        with pytest.raises(KeyError, match="enough"):
            earlier.fit(table)
        assert seen == [1]
        assert_unchanged(earlier, before)

    def test_a_first_fit_that_fails_leaves_no_trace(self, small, table):
        autoencoder = clone(small).set_params(loss="bernoulli", scaling="standard")
        before = state_of(autoencoder)
        with pytest.raises(DataError, match=r"The loss Bernoulli\(\) is defined for values in \[0, 1\]; the scaled rows lie in \["):
            autoencoder.fit(table)
        assert_unchanged(autoencoder, before)


class TestPartialFit:
    @pytest.fixture
    def quick(self, small):
        return clone(small).set_params(learning_rate=0.01)

    def test_the_first_call_fixes_the_scaling(self, quick, table):
        quick.partial_fit(table[:70])
        scaling = quick.scaling_
        np.testing.assert_allclose(scaling.offset, table[:70].mean(axis=0))
        quick.partial_fit(100.0 * table[70:])
        assert quick.scaling_ is scaling

    def test_calls_lower_the_loss_and_are_remembered(self, quick, table):
        for _ in range(15):
            quick.partial_fit(table)
        assert len(quick.history_["loss"]) == quick.n_epochs_ == quick.best_epoch_ == 15
        assert quick.history_["loss"][-1] < 0.5 * quick.history_["loss"][0]
        assert "val_loss" not in quick.history_

    def test_the_optimizers_state_is_kept(self, quick, table):
        quick.partial_fit(table)
        forgetful = copy.deepcopy(quick)
        forgetful._optimizer_state = {}
        np.testing.assert_array_equal(quick.transform(table), forgetful.transform(table))
        quick.partial_fit(table)
        forgetful.partial_fit(table)
        assert not np.array_equal(quick.transform(table), forgetful.transform(table))

    def test_calls_of_full_batches_are_the_epochs_of_a_fit(self, quick, table):
        parameters = {"optimizer": "gradient_descent", "learning_rate": 0.05, "validation_fraction": None, "max_epochs": 4}
        whole = clone(quick).set_params(**parameters).fit(table)
        stepwise = clone(quick).set_params(**parameters)
        for _ in range(4):
            stepwise.partial_fit(table)
        np.testing.assert_allclose(stepwise.history_["loss"], whole.history_["loss"], rtol=1e-5)
        np.testing.assert_allclose(stepwise.transform(table), whole.transform(table), rtol=1e-4, atol=1e-5)

    def test_it_goes_on_after_a_fit(self, quick, table):
        quick.fit(table)
        loss = -quick.score(table)
        for _ in range(10):
            quick.partial_fit(table)
        assert -quick.score(table) < loss
        assert quick.n_epochs_ == len(quick.history_["loss"]) == 13

    def test_the_same_calls_give_the_same_bits(self, quick, table):
        runs = [clone(quick).partial_fit(table).partial_fit(table[::-1]) for _ in range(2)]
        np.testing.assert_array_equal(runs[0].transform(table), runs[1].transform(table))

    def test_a_changed_optimizer_begins_afresh(self, quick, table):
        quick.partial_fit(table).set_params(optimizer="sgd", learning_rate=1e-3).partial_fit(table)
        assert len(quick.history_["loss"]) == 2

    def test_columns_must_stay(self, quick, table):
        quick.partial_fit(table)
        with pytest.raises(ValueError, match="X has 5 features, but Autoencoder is expecting 6"):
            quick.partial_fit(table[:, :5])


class TestWarmStart:
    def test_another_fit_goes_on(self, small, table):
        autoencoder = clone(small).set_params(warm_start=True, max_epochs=20, learning_rate=0.01).fit(table)
        first, scaling = autoencoder.history_["loss"], autoencoder.scaling_
        autoencoder.fit(table)
        assert autoencoder.history_["loss"][0] < 0.5 * first[0]
        assert autoencoder.scaling_ is scaling
        assert autoencoder.n_epochs_ == 20

    def test_without_it_a_fit_begins_afresh(self, small, table):
        autoencoder = clone(small).fit(table)
        history = autoencoder.history_["loss"]
        np.testing.assert_array_equal(autoencoder.fit(table).history_["loss"], history)

    def test_another_network_cannot_go_on(self, small, table):
        autoencoder = clone(small).set_params(warm_start=True).fit(table)
        with pytest.raises(PartError, match="`warm_start` goes on with the weights and the state that are there, of Dense"):
            autoencoder.set_params(latent_dim=3).fit(table)
        with pytest.raises(PartError, match="Make a new one"):
            autoencoder.set_params(latent_dim=2, hidden_dims=(9,)).fit(table)


class TestTargets:
    @pytest.fixture
    def noisy(self, table):
        return table + np.random.default_rng(5).normal(size=table.shape) * 0.5 * table.std(axis=0)

    def test_a_denoiser_is_nearer_to_the_clean_rows_than_what_it_was_given(self, small, noisy, table):
        denoiser = clone(small).set_params(max_epochs=150, learning_rate=0.01).fit(noisy[:100], target=table[:100])
        error = np.sum((denoiser.reconstruct(noisy[100:]) - table[100:]) ** 2)
        assert error < 0.8 * np.sum((noisy[100:] - table[100:]) ** 2)

    def test_rows_as_their_own_targets_change_nothing(self, small, table, fitted):
        same = clone(small).fit(table, target=table)
        np.testing.assert_allclose(same.transform(table), fitted.transform(table), rtol=1e-4, atol=1e-5)

    def test_partial_fit_takes_targets(self, small, noisy, table):
        autoencoder = clone(small).set_params(learning_rate=0.01)
        for _ in range(5):
            autoencoder.partial_fit(noisy, target=table)
        assert autoencoder.history_["loss"][-1] < autoencoder.history_["loss"][0]

    def test_targets_of_bytes_and_rows_of_floats_are_scaled_alike(self, small):
        images = np.random.default_rng(6).integers(0, 256, size=(90, 6), dtype=np.uint8)
        mixed = clone(small).fit(images.astype(float), target=images)
        plain = clone(small).fit(images.astype(float), target=images.astype(float))
        np.testing.assert_allclose(mixed.transform(images), plain.transform(images), rtol=1e-4, atol=1e-4)

    def test_targets_must_fit_the_rows(self, small, table):
        with pytest.raises(DataError, match=r"`target` has 149 rows, but `X` has 150\. Give one target for each row\."):
            clone(small).fit(table, target=table[1:])
        with pytest.raises(DataError, match=r"`target` has 5 features, but `X` has 6\. Pass rows of one kind in both\."):
            clone(small).fit(table, target=table[:, 1:])
        with pytest.raises(DataError, match="Input target contains NaN or missing cells"):
            clone(small).fit(table, target=np.full_like(table, np.nan))


class TestValidation:
    def test_rows_given_apart_are_watched_whole(self, small, table):
        autoencoder = clone(small).set_params(max_epochs=5).fit(table[:100], validation_data=table[100:])
        scale = autoencoder.scaling_.scale
        error = ((autoencoder.reconstruct(table[100:]) - table[100:]) / scale) ** 2
        best = autoencoder.history_["val_loss"][autoencoder.best_epoch_ - 1]
        np.testing.assert_allclose(error.mean(), best, rtol=1e-4)
        np.testing.assert_allclose(
            error.sum(axis=1).mean(), autoencoder.history_["val_reconstruction"][autoencoder.best_epoch_ - 1], rtol=1e-4
        )

    def test_a_pair_of_rows_and_themselves_is_rows_alone(self, small, table):
        watched = table[100:]
        alone = clone(small).fit(table[:100], validation_data=watched)
        paired = clone(small).fit(table[:100], validation_data=(watched, watched))
        np.testing.assert_allclose(paired.history_["val_loss"], alone.history_["val_loss"], rtol=1e-5)

    def test_targets_are_watched_too(self, small, table):
        noisy = table + 1.0
        autoencoder = clone(small).fit(noisy[:100], target=table[:100], validation_data=(noisy[100:], table[100:]))
        error = ((autoencoder.reconstruct(noisy[100:]) - table[100:]) / autoencoder.scaling_.scale) ** 2
        np.testing.assert_allclose(error.mean(), autoencoder.history_["val_loss"].min(), rtol=1e-4)

    def test_forms_that_do_not_go_together_are_refused(self, small, table):
        fit = clone(small).fit
        with pytest.raises(DataError, match=r"`validation_data` has no targets, but `fit` has\. Pass a tuple of rows and their targets\."):
            fit(table, target=table, validation_data=table)
        with pytest.raises(DataError, match=r"`validation_data` has targets of its own, but `fit` has none\. Pass `target` too, or"):
            fit(table, validation_data=(table, table + 1))
        with pytest.raises(DataError, match=r"`validation_data` must be rows, or a tuple of rows and their targets; got a tuple of 3\."):
            fit(table, validation_data=(table, table, table))
        with pytest.raises(DataError, match="`validation_data` has 5 features, but `X` has 6"):
            fit(table, validation_data=table[:, 1:])

    def test_rows_and_targets_are_as_many(self, small, table):
        with pytest.raises(DataError, match=r"`validation_data` has 150 rows, but 149 targets\. Give one target for each row\."):
            clone(small).fit(table, target=table, validation_data=(table, table[1:]))

    @pytest.mark.parametrize(("n_rows", "n_watched"), [(2, 0), (20, 4), (500, 100), (800, 100), (2000, 200)])
    def test_the_automatic_share_of_rows_is_what_is_said(self, n_rows, n_watched):
        training, watched = split_rows(n_rows, None, "auto", np.random.default_rng(0))
        assert len(watched) == n_watched
        assert sorted([*training, *watched]) == list(range(n_rows))

    def test_one_row_is_trained_on(self, small, table):
        autoencoder = clone(small).fit(table[:1])
        assert "val_loss" not in autoencoder.history_


class TestEnds:
    def test_after_so_many_epochs(self, fitted):
        assert fitted.stop_reason_ == "max_epochs"
        assert fitted.n_epochs_ == 3
        assert all(len(values) == 3 for values in fitted.history_.values())
        assert set(fitted.history_) == {"loss", "reconstruction", "val_loss", "val_reconstruction"}
        assert 0 <= fitted.compile_seconds_ <= fitted.fit_seconds_

    def test_at_a_loss_that_is_low_enough(self, small, table):
        autoencoder = clone(small).set_params(target_loss=0.6, max_epochs=500, learning_rate=0.01).fit(table)
        values = autoencoder.history_["val_loss"]
        assert autoencoder.stop_reason_ == "target_loss"
        assert values[-1] <= 0.6 < values[:-1].min()

    def test_when_patience_is_over(self, small, table):
        autoencoder = clone(small).set_params(patience=3, tol=0.5, max_epochs=500).fit(table)
        assert autoencoder.stop_reason_ == "patience"
        assert autoencoder.n_epochs_ < 20

    def test_when_time_is_over(self, small, table):
        autoencoder = clone(small).set_params(max_seconds=0.001, max_epochs=10**6, patience=None).fit(table)
        assert autoencoder.stop_reason_ == "max_seconds"
        assert autoencoder.transform(table).shape == (150, 2)

    @pytest.mark.parametrize(
        "parameters", [{}, {"patience": None}, {"validation_fraction": None, "batch_size": 200, "learning_rate": 5.0}], ids=str
    )
    def test_the_best_weights_are_kept(self, parameters, small, table):
        autoencoder = clone(small).set_params(learning_rate=2.0, max_epochs=30).set_params(**parameters).fit(table)
        monitored = autoencoder.history_["loss" if "validation_fraction" in parameters else "val_loss"]
        assert monitored[autoencoder.best_epoch_ - 1] == monitored.min()
        assert autoencoder.best_epoch_ < autoencoder.n_epochs_

    def test_the_kept_weights_have_the_lowest_watched_loss(self, small, table):
        autoencoder = clone(small).set_params(learning_rate=2.0, max_epochs=30).fit(table[:110], validation_data=table[110:])
        assert autoencoder.best_epoch_ < autoencoder.n_epochs_
        error = ((autoencoder.reconstruct(table[110:]) - table[110:]) / autoencoder.scaling_.scale) ** 2
        np.testing.assert_allclose(error.mean(), autoencoder.history_["val_loss"].min(), rtol=1e-4)

    def test_a_loss_that_was_not_finite_is_told_and_overcome(self, small, table):
        autoencoder = clone(small).set_params(activation="relu", optimizer="sgd", max_epochs=30, learning_rate=20.0)
        with pytest.warns(
            ConvergenceWarning, match=r"The loss was not finite \d time\(s\)\. Training went back to its best weights and on"
        ):
            autoencoder.fit(table)
        assert np.all(np.isfinite(autoencoder.transform(table)))
        assert np.isfinite(autoencoder.score(table))

    def test_ctrl_c_keeps_the_best_weights_and_warns(self, small, table):
        def interrupt(progress):
            if progress.epoch == 4:
                os.kill(os.getpid(), signal.SIGINT)

        before = signal.getsignal(signal.SIGINT)
        autoencoder = clone(small).set_params(max_epochs=100_000, patience=None, learning_rate=0.01, callbacks=[interrupt])
        with pytest.warns(ConvergenceWarning, match=r"Interrupted: the best weights of \d+ epochs are kept\."):
            autoencoder.fit(table)
        assert autoencoder.stop_reason_ == "interrupted"
        assert 4 <= autoencoder.n_epochs_ < 100_000
        assert autoencoder.history_["val_loss"].min() == autoencoder.history_["val_loss"][autoencoder.best_epoch_ - 1]
        assert signal.getsignal(signal.SIGINT) is before


class TestReports:
    def test_callbacks_see_every_epoch_and_its_terms(self, small, table):
        seen = []
        autoencoder = clone(small).set_params(callbacks=[seen.append], max_epochs=7).fit(table)
        assert [progress.epoch for progress in seen] == [1, 2, 3, 4, 5, 6, 7]
        assert {progress.n_epochs for progress in seen} == {7}
        for name, values in autoencoder.history_.items():
            np.testing.assert_allclose([progress.terms[name] for progress in seen], values)

    def test_verbose_prints_every_so_many_epochs_and_the_last(self, small, table, capsys):
        clone(small).set_params(verbose=2, max_epochs=5).fit(table)
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[1] for line in lines] == ["2/5", "4/5", "5/5"]
        assert all("loss " in line and "val_reconstruction " in line and line.endswith(" s left") for line in lines)

    def test_nothing_is_printed_otherwise(self, small, table, capsys):
        clone(small).fit(table)
        assert capsys.readouterr().out == ""
