import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from isthmus.errors import PartError
from isthmus.optimizers import Muon, Nadam, Sgd


def first_step(optimizer, gradient, weights=None, rate=1.0):
    built = optimizer.build(rate)
    weights = jax.tree.map(jnp.zeros_like, gradient) if weights is None else weights
    return built.update(gradient, built.init(weights), weights)[0]


def random(*shape):
    return jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape), float)


@pytest.mark.parametrize("shape", [(8, 8), (20, 5), (5, 20), (1, 7), (7, 1)])
def test_a_matrix_moves_alike_along_all_its_singular_vectors(shape):
    gradient = random(*shape)
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    moved = left.T @ -np.asarray(first_step(Muon(), gradient)) @ right.T / (0.2 * np.sqrt(max(shape)))
    np.testing.assert_allclose(moved - np.diag(np.diag(moved)), 0.0, atol=1e-3)
    assert np.all((np.diag(moved) > 0.65) & (np.diag(moved) < 1.25))


@pytest.mark.parametrize("shape", [(8, 8), (64, 4), (4, 64)])
def test_steps_have_the_root_mean_square_that_was_asked_for(shape):
    for scale in (1e-4, 1e4):
        step = first_step(Muon(update_rms=0.5), scale * random(*shape), rate=0.01)
        np.testing.assert_allclose(np.sqrt(np.mean(np.square(step))), 0.5 * 0.01, rtol=0.25)


def test_a_weak_direction_moves_as_far_as_a_strong_one_unlike_under_descent():
    left, _, right = np.linalg.svd(random(6, 6))
    gradient = jnp.asarray(left @ np.diag([1.0, 0.05, 0, 0, 0, 0]) @ right, float)

    def shares(optimizer):
        moved = left.T @ np.asarray(first_step(optimizer, gradient)) @ right.T
        return moved[1, 1] / moved[0, 0]

    assert shares(Muon()) > 0.6
    np.testing.assert_allclose(shares(Sgd()), 0.05, rtol=1e-3)


def test_momentum_is_a_mean_that_looks_one_step_ahead():
    gradients, built = [random(4, 3), -2.0 * random(4, 3)[::-1]], Muon(momentum=0.8).build(1.0)
    state = built.init(gradients[0])
    for gradient in gradients:
        updates, state = built.update(gradient, state, gradients[0])
    mean = 0.2 * (0.8 * gradients[0] + gradients[1])
    ahead = 0.8 * mean / (1 - 0.8**3) + 0.2 * gradients[1] / (1 - 0.8**2)
    np.testing.assert_allclose(updates, first_step(Muon(), ahead), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(5,), (), (2, 3, 4), (3, 3, 2, 4)])
def test_all_but_matrices_move_as_by_nadam(shape):
    tree, optimizers = {"other": random(*shape), "matrix": random(3, 3)}, (Muon(beta1=0.8, beta2=0.95), Nadam(beta1=0.8, beta2=0.95))
    states = [optimizer.build(0.1).init(tree) for optimizer in optimizers]
    for factor in (1.0, -0.5):
        gradient = jax.tree.map(lambda leaf, factor=factor: factor * leaf, tree)
        results = [optimizer.build(0.1).update(gradient, state, tree) for optimizer, state in zip(optimizers, states, strict=True)]
        states = [state for _, state in results]
        np.testing.assert_allclose(results[0][0]["other"], results[1][0]["other"], rtol=1e-5)


def test_matrices_decay_and_biases_stay():
    weights = {"kernel": random(3, 2), "bias": random(2)}
    step = first_step(Muon(weight_decay=0.5), jax.tree.map(jnp.zeros_like, weights), weights, 0.1)
    np.testing.assert_allclose(step["kernel"], -0.1 * 0.5 * weights["kernel"], rtol=1e-5)
    np.testing.assert_array_equal(step["bias"], 0.0)


def test_keeps_one_number_for_a_matrix_and_two_for_the_rest():
    sizes = [optax.tree.size(Muon().build(0.1).init({"a": jnp.ones(shape)})) for shape in ((30, 20), (600,), (10, 10, 6))]
    assert [round(size / 600) for size in sizes] == [1, 2, 2]


def test_more_iterations_come_nearer_to_equal_singular_values():
    gradient = jnp.asarray(np.diag([1.0, 0.3, 0.1, 0.01]), float)
    smallest = [np.min(np.abs(np.diag(first_step(Muon(iterations=number), gradient)))) for number in (1, 3, 5)]
    assert smallest[0] < smallest[1] < smallest[2]


def test_without_iterations_there_is_nothing_to_do():
    with pytest.raises(PartError, match=r"`muon\.iterations` must be in \[1, inf\); got 0\."):
        Muon(iterations=0)
