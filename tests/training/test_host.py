"""What the host does while a run is under way: callbacks, Ctrl-C, threads."""

import os
import signal
import threading

import numpy as np
import pytest

from isthmus.optimizers import GradientDescent
from isthmus.training import Plan, Progress, train
from training.objectives import NOTHING, descending, seeds


def run(n_epochs, *callbacks, **plan):
    options = {"optimizer": GradientDescent(1.0), "seed": seeds(0), "validation": NOTHING, "shared": np.float32([5.0, 3.0, 4.0])}
    return train(descending, np.float32(0), (), NOTHING, plan=Plan(n_epochs, 1, **plan), callbacks=callbacks, **options)


@pytest.mark.parametrize("n_epochs", [1, 15, 300])
def test_a_callback_hears_of_every_epoch(n_epochs):
    heard = []
    result = run(n_epochs, heard.append)
    assert all(isinstance(progress, Progress) for progress in heard)
    assert [progress.epoch for progress in heard] == list(range(1, n_epochs + 1))
    assert {progress.n_epochs for progress in heard} == {n_epochs}
    for name, values in result.history.items():
        np.testing.assert_array_equal([progress.terms[name] for progress in heard], values)
    seconds = [progress.seconds for progress in heard]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
    assert heard[-1].seconds_left == 0
    assert all(progress.seconds_left >= 0 for progress in heard)
    assert {progress.rollbacks for progress in heard} == {0}


def test_all_callbacks_are_called_in_order():
    heard = []
    run(2, lambda progress: heard.append(("first", progress.epoch)), lambda progress: heard.append(("second", progress.epoch)))
    assert heard == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]


def test_a_callback_hears_no_more_than_the_run_lasted():
    heard = []
    result = run(50, heard.append, patience=3)
    assert (result.status, result.n_epochs) == ("patience", 4)
    assert [progress.epoch for progress in heard] == [1, 2, 3, 4]


def test_an_error_in_a_callback_ends_the_run():
    def stop(progress):
        raise LookupError(f"epoch {progress.epoch}")

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(LookupError, match="epoch 1"):
        run(10, stop)
    assert signal.getsignal(signal.SIGINT) is handler


def interrupted_at(epoch, times=1):
    def callback(progress):
        if progress.epoch == epoch:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    return callback


def test_ctrl_c_ends_a_run_in_good_order():
    handler = signal.getsignal(signal.SIGINT)
    result = run(2**30, interrupted_at(3))
    assert result.status == "interrupted"
    assert 3 <= result.n_epochs < 2**30
    assert (result.best_epoch, float(result.weights)) == (1, -1.0)
    assert len(result.history["val_loss"]) == result.n_epochs
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_ctrl_c_is_taken_at_its_word():
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(2**30, interrupted_at(3, times=2))
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_handler_of_the_users_comes_back():
    calls = []

    def mine(number, frame):
        calls.append(number)

    before = signal.signal(signal.SIGINT, mine)
    try:
        assert run(2**30, interrupted_at(2)).status == "interrupted"
        assert signal.getsignal(signal.SIGINT) is mine
        os.kill(os.getpid(), signal.SIGINT)
        assert calls == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(50, interrupted_at(2)).status == "max_epochs"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_run_in_another_thread_touches_no_handler():
    results, handlers = [], []
    handler = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: results.append(run(5, lambda progress: handlers.append(signal.getsignal(signal.SIGINT)))))
    thread.start()
    thread.join()
    assert results[0].status == "max_epochs"
    assert set(handlers) == {handler}
