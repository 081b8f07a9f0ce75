"""The trace of an optimization against gradients and second derivatives by finite differences."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.errors import DataError, PartError
from isthmus.evaluation import trace_optimization
from isthmus.model import Objective

X = load_iris().data
MODEL = Autoencoder(2, hidden_dims=(6,), activation="tanh", optimizer="gradient_descent", learning_rate=0.1, batch_size=150, random_state=0)


@pytest.fixture(scope="module")
def trace():
    return trace_optimization(MODEL, X, n_epochs=4, n_rows=150)


def loss_at(weights, fitted):
    """The objective on all rows."""
    parts = dataclasses.replace(fitted.model_.parts, loss=fitted.model_.parts.loss.rescaled(1.0 / fitted.scaling_.scale))
    rows = {"x": jnp.asarray(fitted.scaling_.scaled(X))}
    options = {"key": jax.random.key(0), "progress": 1.0, "training": False}
    return float(Objective(parts)(weights, fitted.model_.state, rows, {}, jnp.ones(150), **options).loss)


class TestAnEpoch:
    def test_the_first_loss_is_that_of_the_first_weights(self, trace):
        start = Autoencoder(**MODEL.get_params(deep=False)).set_params(learning_rate=1e-30).partial_fit(X)
        assert trace.loss[0] == pytest.approx(loss_at(start.model_.weights, start), rel=1e-4)

    def test_one_step_of_gradient_descent_goes_straight_down_at_its_rate(self, trace):
        np.testing.assert_allclose(trace.alignment, 1.0, atol=1e-3)
        np.testing.assert_allclose(trace.effective_step, 0.1, rtol=1e-3)
        np.testing.assert_allclose(trace.update_norms, 0.1 * trace.gradient_norms, rtol=1e-2, atol=1e-6)

    def test_curvature_and_slope_foretell_the_next_loss(self, trace):
        slope = np.sum(trace.gradient_norms**2, axis=1)
        way = np.sum(trace.update_norms**2, axis=1)
        foretold = trace.loss - 0.1 * slope + 0.5 * trace.curvature * way
        np.testing.assert_allclose(trace.loss[:-1] - trace.loss[1:], (trace.loss - foretold)[:-1], rtol=0.1)

    def test_it_names_the_arrays_of_the_summary(self, trace):
        assert trace.names == tuple(name for name, _, _ in Autoencoder(**MODEL.get_params(deep=False)).partial_fit(X).summary().arrays)
        assert trace.weight_norms.shape == (4, len(trace.names))


def test_units_that_no_row_moves_are_dead():
    model = Autoencoder(2, hidden_dims=(6,), activation="relu", learning_rate=3.0, optimizer="adam", random_state=0)
    assert trace_optimization(model, X, n_epochs=2).dead_units[-1] > 0.3


def test_the_model_is_left_alone_and_the_table_prints(trace):
    assert not hasattr(MODEL, "model_")
    assert str(trace).splitlines()[0].split()[:3] == ["epoch", "loss", "gradient"]
    assert "s of looking at it" in str(trace)
    assert trace._repr_html_().count("<tr>") == 5
    assert "<td>0</td>" in trace._repr_html_()
    assert "s of looking at it</caption>" in trace._repr_html_()


def test_what_has_no_trace_is_refused():
    with pytest.raises(PartError, match="PCA has no trace"):
        trace_optimization(PCA(2), X)
    with pytest.raises(PartError, match="has no trace"):
        trace_optimization(Autoencoder(2, conditional=True), X)
    with pytest.raises(DataError, match="`n_epochs`=0"):
        trace_optimization(MODEL, X, n_epochs=0)
