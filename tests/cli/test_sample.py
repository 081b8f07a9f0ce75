"""sample."""

import io

import numpy as np
import pytest

from isthmus import Autoencoder, load
from isthmus.data import read_rows


def parsed(text):
    return read_rows("-", stdin=io.BytesIO(text.encode()))


@pytest.fixture(scope="module")
def variational(folder, run, table):
    path = folder / "variational.isthmus"
    options = ("--loss", "normal", "--bottleneck", "gaussian", "--latent-dim", "2", "--max-epochs", "3", "--seed", "0", "--quiet")
    run("fit", table, "-o", path, *options)
    return path


def test_rows_are_drawn_with_the_names_of_the_columns(run, variational):
    text = run("sample", variational, "-n", 7, "--seed", 3, "-o", "-").stdout
    drawn = parsed(text)
    assert drawn.column_names == ("height", "width", "depth", "mass", "age", "price")
    np.testing.assert_allclose(drawn.values, load(variational).sample(7, random_state=3), rtol=1e-6)
    assert run("sample", variational, "-n", 7, "--seed", 3, "-o", "-").stdout == text
    noisy = parsed(run("sample", variational, "-n", 7, "--seed", 3, "--noise", "-o", "-").stdout)
    np.testing.assert_allclose(noisy.values, load(variational).sample(7, noise=True, random_state=3), rtol=1e-6)


def test_a_plain_model_draws_codes_like_those_of_rows(run, model, table, frame):
    assert "Call `fit_density(X)` first" in run("sample", model, "-o", "-", code=2).stderr
    drawn = parsed(run("sample", model, "-n", 5, "--codes-of", table, "--components", 3, "--seed", 1, "-o", "-").stdout)
    expected = load(model).fit_density(frame, n_components=3, random_state=1).sample(5, random_state=1)
    np.testing.assert_allclose(drawn.values, expected, rtol=1e-6)


@pytest.mark.parametrize("classes", [["low", "high"], [3, 7]], ids=str)
def test_a_conditional_model_is_told_a_class(run, rows, tmp_path, classes):
    y = np.array(classes)[(rows[:, 0] > np.median(rows[:, 0])).astype(int)]
    path = tmp_path / "model.isthmus"
    fitted = Autoencoder(2, loss="normal", bottleneck="gaussian", conditional=True, max_epochs=2, random_state=0).fit(rows, y)
    fitted.save(path)
    drawn = parsed(run("sample", path, "-n", 4, "--class", classes[1], "--seed", 0, "-o", "-").stdout)
    np.testing.assert_allclose(drawn.values, fitted.sample(4, classes[1], random_state=0), rtol=1e-6)
    assert "Give some of" in run("sample", path, "--class", "other", "-o", "-", code=2).stderr
    assert "Give one of its classes" in run("sample", path, "-o", "-", code=2).stderr
    assert "conditional; leave it out" in run("sample", path, "--class", classes[0], "--codes-of", path, "-o", "-", code=2).stderr
