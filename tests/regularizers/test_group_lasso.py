import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from isthmus import Autoencoder
from isthmus.model import Weights
from isthmus.optimizers import Adam, GradientDescent
from isthmus.regularizers import L1, GroupLasso
from regularizers.views import amounts, network_weights, weights_view


def matrix(w):
    return Weights({"kernel": jnp.asarray(w)}, (), bottleneck=(), prior=(), loss=(), regularizers=())


def shrunk(w, a):
    return np.asarray(GroupLasso().shrink(matrix(w), matrix(a)).encoder["kernel"])


def test_sums_the_lengths_of_rows_times_the_root_of_their_size():
    weights = network_weights()
    rows = np.linalg.norm(weights.encoder["kernel"], axis=1)
    kernels = np.linalg.norm(np.moveaxis(weights.decoder["kernel"], 2, 0).reshape(4, -1), axis=1)
    expected = np.sqrt(4) * rows.sum() + np.sqrt(54) * kernels.sum()
    np.testing.assert_allclose(GroupLasso()((), weights_view(weights), key=None), expected, rtol=1e-6)


def test_rows_of_equal_weights_cost_what_they_cost_in_the_lasso():
    weights = matrix(np.outer([1.0, -2.0, 0.5], np.ones(7)).astype(np.float32))
    ours, lasso = (part((), weights_view(weights), key=None) for part in (GroupLasso(), L1()))
    np.testing.assert_allclose(ours, lasso, rtol=1e-6)


def test_a_row_of_zeros_has_no_slope_and_no_value():
    weights = matrix(np.array([[0.0, 0.0], [3.0, 4.0]], np.float32))
    value, slope = jax.value_and_grad(lambda weights: GroupLasso()((), weights_view(weights), key=None))(weights)
    np.testing.assert_allclose(value, np.sqrt(2) * 5, rtol=1e-6)
    np.testing.assert_allclose(slope.encoder["kernel"], [[0, 0], [np.sqrt(2) * 0.6, np.sqrt(2) * 0.8]], rtol=1e-6)


def test_with_one_amount_rows_are_shortened_or_vanish():
    w = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32) * np.linspace(0.05, 2, 40, dtype=np.float32)[:, None]
    length = np.linalg.norm(w, axis=1, keepdims=True)
    expected = w * np.maximum(1 - 0.5 * np.sqrt(6) / length, 0)
    for amount in (jnp.float32(0.5), jnp.full(w.shape, 0.5)):
        found = shrunk(w, amount)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_array_equal(found == 0, np.broadcast_to(length <= 0.5 * np.sqrt(6), w.shape))


def test_biases_and_gains_stay():
    weights = network_weights()
    found = GroupLasso().shrink(weights, amounts(weights, 0.7))
    np.testing.assert_array_equal(found.encoder["bias"], weights.encoder["bias"])
    np.testing.assert_array_equal(found.decoder["gain"], weights.decoder["gain"])


def test_with_an_amount_for_each_weight_it_solves_each_rows_problem():
    rng = np.random.default_rng(1)
    c, a = rng.normal(size=(12, 4)), np.exp(rng.normal(size=(12, 4)))
    with jax.enable_x64(True):
        found = shrunk(c, a)
    vanished = np.sum(np.square(c / (2 * a)), axis=1) <= 1  # the root of a row's size is 2
    assert 0 < vanished.sum() < 12
    for row in range(12):

        def cost(w, row=row):
            return np.sum((w - c[row]) ** 2 / (2 * a[row])) + 2 * np.linalg.norm(w)

        reference = scipy.optimize.minimize(cost, c[row], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000})
        np.testing.assert_allclose(found[row], reference.x, atol=1e-6)
        assert np.all(found[row] == 0) == vanished[row]


@pytest.mark.parametrize("spread", [1.0, 4.0, 8.0])
def test_the_condition_of_the_optimum_holds_however_unlike_the_amounts(spread):
    # (w_i - c_i) / a_i + sqrt(p) w_i / |w| = 0, in float32.
    rng = np.random.default_rng(2)
    c = (rng.normal(size=(300, 32)) * 10 ** rng.uniform(-spread, 0, (300, 32))).astype(np.float32)
    a = (10 ** rng.uniform(-spread, 0, (300, 32))).astype(np.float32)
    a *= np.sqrt(np.sum(np.square(c / a), axis=1, keepdims=True) / 32) / rng.uniform(0.8, 4.0, (300, 1)).astype(np.float32)
    w = shrunk(c, a).astype(np.float64)
    vanished = np.all(w == 0, axis=1)
    np.testing.assert_array_equal(vanished, np.sum(np.square(c / a), axis=1) <= 32)
    assert 10 < vanished.sum() < 290
    w, c, a = w[~vanished], c[~vanished].astype(np.float64), a[~vanished].astype(np.float64)
    length = np.linalg.norm(w, axis=1, keepdims=True)
    np.testing.assert_allclose(w * (1 + np.sqrt(32) * a / length), c, rtol=1e-4)


def test_amounts_of_zero_among_others_leave_their_weights():
    found = shrunk(np.array([[1.0, 0.5], [1e-3, 1e-3]], np.float32), np.array([[0.0, 10.0], [0.0, 0.0]], np.float32))
    assert found[0, 0] == 1.0
    assert 0 < found[0, 1] < 0.5
    np.testing.assert_array_equal(found[1], np.float32([1e-3, 1e-3]))


# One step size, and one for each weight.
@pytest.mark.parametrize(("optimizer", "epochs"), [(GradientDescent(0.5), 3000), (Adam(0.02), 300)], ids=["gradient_descent", "adam"])
def test_columns_of_noise_lose_all_their_weights(optimizer, epochs):
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5))
    table = np.concatenate([signal, 0.3 * rng.normal(size=(200, 4))], axis=1)
    clean = np.concatenate([signal, np.zeros((200, 4))], axis=1)
    options = {"max_epochs": epochs, "patience": None, "validation_fraction": None, "batch_size": 50, "scaling": None, "random_state": 0}
    sparse = Autoencoder(2, hidden_dims=(12,), activation="tanh", optimizer=optimizer, regularizers=GroupLasso(3e-3), **options)
    sparse.fit(table, target=clean)
    layers = (*sparse.model_.weights.encoder.layers, *sparse.model_.weights.decoder.layers)
    matrices = [np.asarray(layer.weight) for layer in layers]
    gone = np.all(matrices[0] == 0, axis=1)
    assert np.all(gone[5:])
    assert np.sum(~gone[:5]) >= 2  # five columns of two signals: not all are needed
    assert all(np.all(row == 0) or np.all(row != 0) for matrix in matrices for row in matrix)
    n_zeros, n_weights = sum(np.sum(matrix == 0) for matrix in matrices), sum(matrix.size for matrix in matrices)
    assert sparse.zero_share_ == n_zeros / n_weights >= 4 * 12 / n_weights
    assert sparse.score(clean) > -0.3 * np.mean(np.sum(clean**2, axis=1))
