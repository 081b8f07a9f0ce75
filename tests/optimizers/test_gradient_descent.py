import jax.numpy as jnp
import numpy as np
import optax

from isthmus.optimizers import Adam, Adamw, GradientDescent, Sgd

CURVATURE = np.asarray([1.0, 10.0])


def after(rate, steps):
    optimizer, weights = GradientDescent().build(rate), jnp.asarray([3.0, -2.0])
    state = optimizer.init(weights)
    for _ in range(steps):
        updates, state = optimizer.update(CURVATURE * weights, state, weights)
        weights = optax.apply_updates(weights, updates)
    return np.asarray(weights)


def test_on_a_bowl_each_coordinate_shrinks_by_a_fixed_factor():
    # w_t = (1 - rate * h)^t w_0.
    np.testing.assert_allclose(after(0.05, 30), (1 - 0.05 * CURVATURE) ** 30 * np.asarray([3.0, -2.0]), rtol=1e-4)


def test_diverges_above_two_over_the_curvature_and_not_below():
    assert np.abs(after(0.199, 60)[1]) < 2.0
    assert np.abs(after(0.201, 60)[1]) > 2.0


def test_alone_asks_for_every_row():
    assert GradientDescent.full_batch
    assert not any(other.full_batch for other in (Sgd, Adam, Adamw))


def test_its_step_size_is_the_rate():
    assert GradientDescent().step_sizes((), {"a": jnp.ones(2)}, 0.3) == {"a": 0.3}


def test_keeps_nothing_beside_the_weights():
    assert optax.tree.size(GradientDescent().build(0.1).init(jnp.ones(5))) == 0
