import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus.architectures import Dense
from isthmus.corruptions import Gaussian
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import GradientDescent, Lbfgs
from isthmus.training import Plan, Rows, train


def values(optimizer, objective, start, steps):
    """The objective at the start and after each step."""

    def step(carry, rate):
        weights, state = carry
        value, gradient = jax.value_and_grad(objective)(weights)
        updates, state = optimizer.build(rate).update(gradient, state, weights, value=value, grad=gradient, value_fn=objective)
        weights = optax.apply_updates(weights, updates)
        return (weights, state), objective(weights)

    weights = jnp.asarray(start, float)
    rates = jnp.full(steps, optimizer.learning_rate)
    _, found = jax.jit(lambda carry: jax.lax.scan(step, carry, rates))((weights, optimizer.build(1.0).init(weights)))
    return np.concatenate([[objective(weights)], found])


def rosenbrock(w):
    return jnp.sum(100.0 * jnp.square(w[1:] - jnp.square(w[:-1])) + jnp.square(1.0 - w[:-1]))


def test_a_curved_valley_is_walked_through_as_scipy_does():
    start = [-1.2, 1.0, -0.5, 2.0]
    found = values(Lbfgs(), rosenbrock, start, 60)
    reference = scipy.optimize.minimize(scipy.optimize.rosen, start, jac=scipy.optimize.rosen_der, method="L-BFGS-B")
    assert reference.nit < 60
    assert found[-1] < 1e-6
    assert int(np.argmax(found < 1e-6)) < 2 * reference.nit


def test_the_objective_never_rises_whatever_length_is_tried_first():
    for rate in (1.0, 1e-3, 1e3):
        found = values(Lbfgs(rate), rosenbrock, [-1.2, 1.0, -0.5, 2.0], 60)
        assert np.all(np.diff(found) <= 1e-6 * found[:-1])


def test_a_narrow_bowl_is_no_hindrance():
    curvature = jnp.asarray([1.0, 10.0, 100.0, 1000.0])

    def bowl(w):
        return 0.5 * jnp.sum(curvature * jnp.square(w))

    assert values(Lbfgs(), bowl, np.ones(4), 25)[-1] < 1e-6
    assert values(GradientDescent(1e-3), bowl, np.ones(4), 25)[-1] > 1.0


def test_memory_is_what_makes_the_difference():
    curvature = jnp.asarray(np.geomspace(1.0, 1e4, 12), jnp.float32)
    ends = [values(Lbfgs(memory=memory), lambda w: 0.5 * jnp.sum(curvature * jnp.square(w)), np.ones(12), 60)[-1] for memory in (1, 12)]
    assert ends[1] < 0.2 * ends[0]


@pytest.mark.parametrize("field", ["memory", "searches"])
def test_counts_are_at_least_one(field):
    with pytest.raises(PartError, match=rf"`lbfgs\.{field}` must be in \[1, inf\); got 0\."):
        Lbfgs(**{field: 0})


@pytest.mark.slow
@pytest.mark.parametrize("corruption", [None, Gaussian(0.1)], ids=str)
def test_digits_are_learned_in_two_hundred_steps(corruption):
    x = load_digits().data
    x = ((x - x.mean(axis=0)) / x.std()).astype(np.float32)
    principal = PCA(8).fit(x)
    of_principal = np.mean(np.square(x - principal.inverse_transform(principal.transform(x))))
    parts = Parts(Dense((32,)), SquaredError(), data_shape=(64,), latent_shape=(8,), corruption=corruption)
    model = Model.init(parts, rng=np.random.default_rng(0))
    rows, plan = Rows({"x": x}, len(x)), Plan(200, 64)
    options = {"optimizer": Lbfgs(), "plan": plan, "seed": np.uint32([0, 1]), "shared": {}}
    result = train(Objective(parts), model.weights, model.state, rows, **options)
    assert result.n_steps == 200
    error = np.mean(np.square(x - Model(parts, result.weights, result.state).reconstruct(jnp.asarray(x))))
    assert error < 0.75 * of_principal
    history = result.history["loss"]
    assert np.all(np.isfinite(history))
    if corruption is None:
        assert np.all(np.diff(history) <= 1e-6 * history[:-1])
