import jax.numpy as jnp
import numpy as np
from sklearn.metrics import mean_squared_error

from isthmus.losses import SquaredError


def test_divided_by_the_number_of_values_it_is_the_mean_squared_error():
    rng = np.random.default_rng(0)
    outputs, x = rng.normal(size=(2, 20, 7))
    cost = SquaredError()((), jnp.asarray(outputs), jnp.asarray(x))
    np.testing.assert_allclose(jnp.sum(cost) / x.size, mean_squared_error(x, outputs), rtol=1e-6)


def test_of_a_hand_worked_row():
    # Ten values, each 0.1 off: 0.1 in all, 0.01 a value.
    cost = SquaredError()((), jnp.full((1, 10), 0.4), jnp.full((1, 10), 0.5))
    np.testing.assert_allclose(cost, [0.1], rtol=1e-5)
