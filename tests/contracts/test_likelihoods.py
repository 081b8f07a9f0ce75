"""What every likelihood must do: be normalized, and draw from itself."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus._component import choices, part_name
from isthmus.losses import (
    AbstractLikelihood,
    DiscretizedLogisticMixture,
    Laplace,
    NegativeBinomial,
    Normal,
    StudentT,
    ZeroInflatedNegativeBinomial,
)

LIKELIHOODS = [
    *(part() for part in choices(AbstractLikelihood).values()),
    Normal(0.3),
    *(Normal(spread=spread) for spread in ("shared", "per_feature", "per_value", "optimal")),
    Laplace(0.3),
    Laplace(spread="per_value"),
    NegativeBinomial("per_value"),
    ZeroInflatedNegativeBinomial("per_value"),
    DiscretizedLogisticMixture(n_components=1, n_levels=3),
    StudentT(degrees_of_freedom=3.0, scale=0.5),
]
N_DRAWS = 40_000


def support(loss, n_features):
    """All rows that there are, and the volume that each stands for; densities of one feature on a grid that is finer near zero."""
    if loss.is_density:
        edges = np.sinh(np.linspace(-12.0, 12.0, 40_001)) if loss.domain == "real" else np.linspace(0.0, 1.0, 40_001)
        return 0.5 * (edges[1:] + edges[:-1])[:, None], np.diff(edges)
    if isinstance(loss, DiscretizedLogisticMixture):
        return np.arange(float(loss.n_levels))[:, None], np.ones(loss.n_levels)
    if loss.domain == "nonnegative":
        return np.arange(400.0)[:, None], np.ones(400)
    rows = np.eye(n_features) if part_name(type(loss)) == "categorical" else np.array([[0.0], [1.0]])
    return rows, np.ones(len(rows))


def setup(loss):
    """A loss's weights and the raw outputs of one row."""
    n_features = 3 if part_name(type(loss)) == "categorical" else 1
    rng = np.random.default_rng(0)
    weights = jax.tree.map(lambda leaf: leaf + np.float32(0.4), loss.init((n_features,), rng=rng))
    seen = jnp.full((1, n_features), 0.6), jnp.ones(1)
    state = loss.next_state(weights, loss.init_state((n_features,)), jnp.zeros((1, *loss.output_shape((n_features,)))), *seen)
    weights = loss.at_state(weights, state)
    outputs = jnp.asarray(rng.normal(size=(1, *loss.output_shape((n_features,)))), jnp.float32)
    return weights, outputs, n_features


@functools.cache
def masses(loss):
    weights, outputs, n_features = setup(loss)
    rows, volumes = support(loss, n_features)
    repeated = jnp.broadcast_to(outputs, (len(rows), *outputs.shape[1:]))
    density = loss.log_prob(weights, repeated, jnp.asarray(rows, jnp.float32))
    return rows, np.exp(np.float64(density)) * volumes


@pytest.mark.parametrize("loss", LIKELIHOODS, ids=repr)
class TestEveryLikelihood:
    def test_is_normalized(self, loss):
        _, mass = masses(loss)
        np.testing.assert_allclose(mass.sum(), 1.0, rtol=2e-3)

    def test_its_mean_is_its_mean(self, loss):
        _, outputs, _ = setup(loss)
        rows, mass = masses(loss)
        np.testing.assert_allclose(loss.mean(outputs)[0], mass @ rows, atol=5e-3)

    def test_draws_come_from_it(self, loss):
        weights, outputs, _ = setup(loss)
        rows, mass = masses(loss)
        repeated = jnp.broadcast_to(outputs, (N_DRAWS, *outputs.shape[1:]))
        draws = np.asarray(loss.sample(weights, repeated, key=jax.random.key(1)))
        assert draws.shape == (N_DRAWS, rows.shape[1])
        for axis in range(rows.shape[1]):
            for level in (0.1, 0.5, 0.9):
                order = np.argsort(rows[:, axis], kind="stable")
                below = np.cumsum(mass[order])
                value = rows[order, axis][min(np.searchsorted(below, level), len(rows) - 1)]
                expected = mass[rows[:, axis] <= value].sum()
                assert abs(np.mean(draws[:, axis] <= value + 1e-6) - expected) < 5 * np.sqrt(0.25 / N_DRAWS) + 2e-3

    def test_its_cost_is_minus_its_logarithm_up_to_a_constant(self, loss):
        weights, _, n_features = setup(loss)
        rng = np.random.default_rng(2)
        outputs = jnp.asarray(rng.normal(size=(20, *loss.output_shape((n_features,)))), jnp.float32)
        rows, _ = support(loss, n_features)
        x = jnp.asarray(rows[rng.choice(len(rows), 20)], jnp.float32)
        constant = np.float64(loss(weights, outputs, x)) + np.float64(loss.log_prob(weights, outputs, x))
        np.testing.assert_allclose(constant, constant[0], atol=1e-3 * (1 + abs(constant[0])))

    def test_extreme_outputs_and_rows_cost_a_finite_amount_with_a_finite_slope(self, loss):
        weights, _, n_features = setup(loss)
        sizes = jnp.asarray([-50.0, -30.0, -8.0, 0.0, 8.0, 30.0, 50.0])
        several = isinstance(loss, DiscretizedLogisticMixture)
        largest = {"real": 1e6, "unit_interval": 1.0, "nonnegative": loss.n_levels - 1.0 if several else 1e6}[loss.domain]
        rows = {"real": [-largest, -1.0, 0.0, 1.0, largest]}.get(loss.domain, [0.0, 1.0, largest])
        outputs, values = (jnp.ravel(grid) for grid in jnp.meshgrid(sizes, jnp.asarray(rows)))
        # All outputs of a row alike, and every other one the other way.
        signs = jnp.where(jnp.arange(loss.output_shape((n_features,))[-1]) % 2, -1.0, 1.0)
        x = jnp.tile(values[:, None], (2, n_features))
        raw = jnp.concatenate([outputs[:, None] * jnp.abs(signs), outputs[:, None] * signs])

        @jax.jit
        def all_of_it(weights, raw):
            costs = jax.value_and_grad(lambda *given: jnp.sum(loss(*given, x)), argnums=(0, 1))(weights, raw)
            return costs, loss.mean(raw)

        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(all_of_it(weights, raw)))
