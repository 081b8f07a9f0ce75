"""What a fit cannot go on with, shapes that are none, and where a warning points."""

import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import clone

from isthmus.errors import PartError
from rules.requirements import ROOT

WARNING_SCRIPT = """
import sys, warnings
import numpy as np
from isthmus import Autoencoder
X = np.random.default_rng(0).normal(size=(40, 5))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    hot = Autoencoder(2, architecture="linear", optimizer="gradient_descent", learning_rate=1.5e2, max_epochs=30, random_state=0)
    hot.fit(X)  # here
print([(warning.category.__name__, warning.lineno, warning.filename == __file__) for warning in seen])
"""


@pytest.mark.slow
def test_a_warning_points_at_the_call_of_fit(tmp_path):
    # In an interpreter of its own: the hook that checks shapes in the tests puts calls of its own in between.
    script = tmp_path / "script.py"
    script.write_text(WARNING_SCRIPT)
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    finished = subprocess.run([sys.executable, script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    line = WARNING_SCRIPT.splitlines().index("    hot.fit(X)  # here") + 1
    assert finished.stdout.strip() == str([("ConvergenceWarning", line, True)])


@pytest.mark.parametrize("change", [{"regularizers": ("l2",)}, {"architecture__layer_norm": True}], ids=str)
def test_a_warm_start_with_parts_that_need_other_weights_is_refused_and_destroys_nothing(change, small, table):
    autoencoder = clone(small).set_params(warm_start=True).fit(table)
    codes = autoencoder.transform(table)
    with pytest.raises(PartError, match=r"`warm_start` goes on with the weights.* that are there, of .*Make a new one\."):
        autoencoder.set_params(**change).fit(table)
    np.testing.assert_array_equal(autoencoder.transform(table), codes)


def test_a_warm_start_may_change_what_needs_no_other_weights(small, table):
    autoencoder = clone(small).set_params(warm_start=True).fit(table)
    before = autoencoder.history_["val_reconstruction"][-1]
    autoencoder.set_params(loss="absolute_error", corruption="gaussian", corruption__sigma=1e-6, learning_rate=1e-9).fit(table)
    goes_on = np.mean(np.abs(autoencoder.reconstruct(table) - table))
    assert goes_on < 2 * np.sqrt(before / 6) * np.mean(autoencoder.scaling_.scale)
    assert autoencoder.model_.parts.corruption is not None


@pytest.mark.parametrize("shape", [6, "23", (2, -3), (2, 3.0), ()], ids=repr)
def test_a_shape_that_is_none_is_refused(shape, small, table):
    with pytest.raises(PartError, match=r"`sample_shape` must be a tuple of positive integers, such as \(28, 28, 1\); got "):
        clone(small).set_params(sample_shape=shape).fit(table)


def test_arrays_of_jax_have_axes_as_those_of_numpy_do(small, table):
    rows = table.astype(np.float32).reshape(-1, 2, 3)
    by_numpy, by_jax = clone(small).fit(rows), clone(small).fit(jnp.asarray(rows))
    assert by_jax.sample_shape_ == (2, 3)
    np.testing.assert_array_equal(by_jax.transform(jnp.asarray(rows)), by_numpy.transform(rows))


def test_rows_with_axes_and_flat_rows_are_the_same_rows(small, table):
    flat = clone(small).fit(table)
    np.testing.assert_array_equal(flat.transform(table.reshape(-1, 3, 2)), flat.transform(table))
    assert flat.reconstruct(table.reshape(-1, 3, 2)).shape == (150, 6)
