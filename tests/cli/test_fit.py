import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from isthmus import Autoencoder, load
from isthmus.losses import Huber
from isthmus.persistence import read_header
from isthmus.regularizers import L1, L2

SHORT = ("--latent-dim", "2", "--max-epochs", "4", "--seed", "0")


def test_it_gives_the_estimator_that_python_gives(model, frame):
    expected = Autoencoder(2, max_epochs=8, random_state=0).fit(frame)
    np.testing.assert_array_equal(load(model).transform(frame), expected.transform(frame))


def test_the_model_knows_the_names_of_the_columns(model):
    assert read_header(model).fitted["feature_names"] == ["height", "width", "depth", "mass", "age", "price"]


def test_options_and_assignments_reach_the_estimator(run, table, tmp_path):
    options = (
        *("--hidden-dims", "8,4", "--activation", "tanh", "--loss", "huber:0.5", "--regularizer", "l1:1e-3", "--regularizer", "l2"),
        *("--corruption", "gaussian:0.2", "--optimizer", "adamw:weight_decay=0.01", "--learning-rate", "0.01", "--batch-size", "32"),
        *("--patience", "none", "--validation-fraction", "0.25", "--scaling", "standard", "--max-seconds", "100", "--precision", "float32"),
        *("--parameter", "tol=0.001", "--parameter", "architecture__dropout=0.1", "--parameter", "optimizer__clip_norm=1"),
    )
    run("fit", table, "-o", tmp_path / "m", *SHORT, *options)
    estimator = load(tmp_path / "m")
    parts = estimator.model_.parts
    assert parts.loss == Huber(0.5)
    assert (parts.architecture.hidden_dims, parts.architecture.activation, parts.architecture.dropout) == ((8, 4), "tanh", 0.1)
    assert parts.regularizers == (L1(1e-3), L2())
    assert parts.corruption.sigma == 0.2
    assert (estimator.optimizer.weight_decay, estimator.optimizer.clip_norm) == (0.01, 1.0)
    given = estimator.get_params(deep=False)
    expected = {"learning_rate": 0.01, "batch_size": 32, "max_epochs": 4, "max_seconds": 100.0, "patience": None, "tol": 0.001}
    expected |= {"validation_fraction": 0.25, "scaling": "standard", "random_state": 0, "callbacks": ()}
    assert {name: given[name] for name in expected} == expected


def test_what_is_not_given_keeps_the_estimator_s_defaults(model):
    assert load(model).get_params(deep=False) == Autoencoder(2, max_epochs=8, random_state=0).get_params(deep=False)


def test_scaling_none_switches_scaling_off(run, table, tmp_path):
    run("fit", table, "-o", tmp_path / "m", *SHORT, "--scaling", "none")
    assert load(tmp_path / "m").scaling_ is None


def test_json_is_one_object_and_nothing_else_on_stdout(run, table, tmp_path):
    summary = json.loads(run("fit", table, "-o", tmp_path / "m", *SHORT, "--json", "--progress").stdout)
    estimator = load(tmp_path / "m")
    assert summary["model"] == str(tmp_path / "m")
    assert summary["bytes"] == (tmp_path / "m").stat().st_size
    assert summary["shape"] == [120, 6]
    assert summary["epochs"] == 4
    assert summary["stop_reason"] == "max_epochs"
    assert summary["terms"]["val_loss"] == estimator.history_["val_loss"][estimator.best_epoch_ - 1]


def test_the_summary_tells_epochs_terms_seconds_and_size(run, table, tmp_path):
    text = run("fit", table, "-o", tmp_path / "m", *SHORT).stdout
    for word in ("120 x 6", "epochs", "seconds", "val_loss", f"{(tmp_path / 'm').stat().st_size:,} bytes"):
        assert word in text


def test_the_progress_bar_is_on_stderr_and_only_when_asked_for_away_from_a_terminal(run, table, tmp_path):
    result = run("fit", table, "-o", tmp_path / "m", *SHORT, "--progress")
    assert "epoch 4/4" in result.stderr
    assert "left" in result.stderr
    assert "loss" in result.stderr
    assert "epoch 4/4" not in result.stdout
    assert run("fit", table, "-o", tmp_path / "m", *SHORT).stderr == ""
    quiet = run("fit", table, "-o", tmp_path / "m", *SHORT, "--quiet", "--progress")
    assert quiet.output == ""


def test_rows_come_from_standard_input(run, table, model, tmp_path):
    run("fit", "-", "-o", tmp_path / "m", "--latent-dim", "2", "--max-epochs", "8", "--seed", "0", stdin=Path(table).read_bytes())
    assert read_header(tmp_path / "m").arrays == read_header(model).arrays
    x = np.full((3, 6), 10.0)
    np.testing.assert_array_equal(load(tmp_path / "m").inverse_transform(x[:, :2]), load(model).inverse_transform(x[:, :2]))


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz", "rows.parquet"])
def test_it_reads_arrays_and_parquet(run, rows, tmp_path, name):
    from isthmus.data import write_rows

    write_rows(tmp_path / name, rows)
    run("fit", tmp_path / name, "-o", tmp_path / "m", *SHORT)
    assert load(tmp_path / "m").n_features_in_ == 6


def test_an_array_of_an_archive_is_chosen_by_its_key(run, rows, tmp_path):
    np.savez(tmp_path / "two.npz", clean=rows, noisy=rows[:, :4])
    run("fit", tmp_path / "two.npz", "-o", tmp_path / "m", *SHORT, "--key", "noisy")
    assert load(tmp_path / "m").n_features_in_ == 4
    assert "'clean' (120, 6), 'noisy' (120, 4)" in run("fit", tmp_path / "two.npz", "-o", tmp_path / "n", *SHORT, code=2).stderr


def test_the_target_is_what_rows_are_to_become(run, table, frame, tmp_path):
    np.save(tmp_path / "clean.npy", np.full(frame.shape, 3.0))
    options = ("--latent-dim", "2", "--architecture", "linear", "--max-epochs", "60", "--seed", "0", "--learning-rate", "0.05")
    run("fit", table, "-o", tmp_path / "m", *options, "--scaling", "none", "--target", tmp_path / "clean.npy")
    np.testing.assert_allclose(load(tmp_path / "m").reconstruct(frame), 3.0, atol=0.5)


def test_a_target_with_other_columns_is_refused(run, table, tmp_path):
    (tmp_path / "clean.csv").write_text(Path(table).read_text().replace("price", "cost"))
    message = run("fit", table, "-o", tmp_path / "m", *SHORT, "--target", tmp_path / "clean.csv", code=2).stderr
    assert "lacks the columns 'price' and has the unknown columns 'cost'" in message


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_fit_that_diverges_fails_and_leaves_the_model_that_was_there(run, table, model, tmp_path):
    path = tmp_path / "m"
    path.write_bytes(Path(model).read_bytes())
    message = run("fit", table, "-o", path, *SHORT, "--learning-rate", "1e30", code=1).stderr
    assert "The loss was not finite" in message
    assert "Traceback" not in message
    assert path.read_bytes() == Path(model).read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--loss", "mse"), "Unknown loss 'mse'. Choose one of: absolute_error"),
        (("--loss", "huber:0"), "`huber.delta` must be in (0, inf)"),
        (("--regularizer", "l1:scale=2"), "'l1' has no 'scale'. It takes: weight."),
        (("--hidden-dims", "8x4"), "'8x4' is not a list of widths"),
        (("--activation", "step"), "'step' is not one of 'clip', 'elu'"),
        (("--latent-dim", "0"), "0 is not in the range"),
        (("--parameter", "depth=3"), "Invalid parameter 'depth'"),
        (("--parameter", "architecture__depth=3"), "which has no field 'depth'"),
        (("--learning-rate", "-1"), "learning_rate` must be in (0, inf)"),
        (("--format", "xlsx"), "Unknown `format` 'xlsx'. Choose one of: csv"),
    ],
)
def test_a_bad_option_is_answered_with_what_is_allowed(run, table, tmp_path, options, message):
    result = run("fit", table, "-o", tmp_path / "m", *SHORT, *options, code=2)
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "m").exists()


def test_a_file_that_is_not_there_or_of_an_unknown_kind_is_refused(run, tmp_path):
    assert "nothing.csv' does not exist" in run("fit", tmp_path / "nothing.csv", "-o", tmp_path / "m", *SHORT, code=2).stderr
    (tmp_path / "rows.xyz").write_text("1,2\n")
    message = run("fit", tmp_path / "rows.xyz", "-o", tmp_path / "m", *SHORT, code=2).stderr
    assert "Unknown kind of file" in message
    assert "rows.xyz" in message


def test_columns_that_are_not_numbers_are_named(run, tmp_path):
    (tmp_path / "rows.csv").write_text("size,color\n1,red\n2,blue\n")
    assert "'color'" in run("fit", tmp_path / "rows.csv", "-o", tmp_path / "m", *SHORT, code=2).stderr


def test_an_output_that_cannot_be_written_is_refused_before_the_data_are_read(run, tmp_path):
    (tmp_path / "broken.csv").write_text("a,b\n1\n")
    assert "There is no folder" in run("fit", tmp_path / "broken.csv", "-o", tmp_path / "no" / "m", *SHORT, code=2).stderr
    assert "is a directory" in run("fit", tmp_path / "broken.csv", "-o", tmp_path, *SHORT, code=2).stderr
    assert "A model is written to a file" in run("fit", tmp_path / "broken.csv", "-o", "-", *SHORT, code=2).stderr


def test_ctrl_c_ends_a_fit_with_the_best_weights_so_far(table, frame, tmp_path):
    forever = ("--latent-dim", "2", "--max-epochs", "1000000000", "--patience", "none", "--progress")
    command = [sys.executable, "-m", "isthmus", "fit", table, "-o", str(tmp_path / "m"), *forever]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = b""
    while b"epoch" not in seen:
        piece = process.stderr.read1()
        assert piece, seen
        seen += piece
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == 0, rest
    assert b"Warning: Interrupted: the best weights of" in rest
    assert load(tmp_path / "m").stop_reason_ == "interrupted"
    assert np.isfinite(load(tmp_path / "m").reconstruct(frame)).all()
