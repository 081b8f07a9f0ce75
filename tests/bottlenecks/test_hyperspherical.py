"""Bessel functions against SciPy; the distribution on the sphere against quadrature, closed moments and their slopes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from isthmus import Autoencoder
from isthmus.architectures import Linear
from isthmus.bottlenecks import Hyperspherical
from isthmus.bottlenecks._bessel import log_shortfall, ratio_shortfall
from isthmus.bottlenecks._von_mises_fisher import _slope, angles, divergence, log_density
from isthmus.errors import PartError
from isthmus.losses import SquaredError
from isthmus.model import Parts
from isthmus.priors import StandardNormal

KEY = jax.random.key(3)
PART = Hyperspherical()
ORDERS = [0.0, 0.5, 4.0, 19.0, 99.5, 500.0]
EXTREME = jnp.asarray([0.0, 1e-30, 1e10, 1e20, 1e30], jnp.float32)
ARGUMENTS = jnp.asarray(np.logspace(-3, 5, 40), jnp.float32)
DIMENSIONS = [2, 3, 10, 40]
N_DRAWS = 20_000


def bessel(order, x):
    """log(Gamma(v + 1) (2 / x)^v I_v(x)) and I_{v+1} / I_v in double precision."""
    x = np.float64(x)
    with np.errstate(all="ignore"):
        scaled, above = scipy.special.ive(order, x), scipy.special.ive(order + 1, x)
        log_value = np.log(scaled) + x - order * np.log(x / 2) + scipy.special.gammaln(order + 1)
        ratio = above / scaled
    # Where `ive` is too small to be held, which is so for large orders and small arguments, the series converges soon.
    held = (scaled > 1e-290) & (above > 1e-290)
    return np.where(held, log_value, np.log(series(order, x))), np.where(
        held, ratio, x / (2 * order + 2) * series(order + 1, x) / series(order, x)
    )


def series(order, x):
    """Gamma(v + 1) (2 / x)^v I_v(x) for small arguments: the sum of (x^2 / 4)^k / (k! (v + 1) ... (v + k))."""
    k = np.arange(1, 200)
    return 1 + np.cumprod(np.minimum(x, 100.0)[..., None] ** 2 / 4 / (k * (order + k)), axis=-1).sum(axis=-1)


def with_concentration(concentration):
    """The encoder's number for it."""
    excess = np.float64(concentration) - 1.0
    return np.where(excess > 30, excess, np.log(np.expm1(np.minimum(excess, 30.0))))


def hidden_of(direction, concentration):
    return jnp.asarray(np.append(direction, with_concentration(concentration))[None], jnp.float32)


@functools.cache
def found(order):
    """Both functions and their slopes at all arguments, the extreme ones at the end."""

    @jax.jit
    def values(x):
        functions = log_shortfall, ratio_shortfall, lambda x, order: divergence(x, int(2 * order + 2))
        slopes = (jax.grad(lambda x, f=f: jnp.sum(f(x, order)))(x) for f in functions)
        return log_shortfall(x, order), ratio_shortfall(x, order), *slopes

    return np.float64(values(jnp.concatenate([ARGUMENTS, EXTREME])))


@pytest.mark.parametrize("order", ORDERS)
class TestBessel:
    def test_both_functions_are_scipys(self, order):
        log_value, ratio = bessel(order, ARGUMENTS)
        np.testing.assert_allclose(found(order)[0, : len(ARGUMENTS)], np.float64(ARGUMENTS) - log_value, rtol=2e-5)
        np.testing.assert_allclose(found(order)[1, : len(ARGUMENTS)], 1 - ratio, rtol=2e-5)

    def test_the_slope_of_the_logarithm_is_the_ratio(self, order):
        np.testing.assert_allclose(found(order)[2, : len(ARGUMENTS)], 1 - bessel(order, ARGUMENTS)[1], rtol=2e-5)

    def test_the_slope_of_the_ratio_solves_its_equation(self, order):
        """A' = 1 - A^2 - (2 v + 1) A / x, which loses its digits even in double precision where x is large."""
        x, ratio = np.float64(ARGUMENTS), bessel(order, ARGUMENTS)[1]
        expected = 1 - ratio**2 - (2 * order + 1) * ratio / x
        np.testing.assert_allclose(-found(order)[3, : len(ARGUMENTS)][x < 1e3], expected[x < 1e3], rtol=5e-5)
        # The divergence from the uniform density has the slope x A'.
        np.testing.assert_allclose(found(order)[4, : len(ARGUMENTS)][x < 1e3], (x * expected)[x < 1e3], rtol=1e-4, atol=1e-6)

    def test_no_argument_is_too_small_or_too_large(self, order):
        extreme = found(order)[:, len(ARGUMENTS) :]
        assert np.all(np.isfinite(extreme))
        np.testing.assert_allclose(extreme[:3, 0], [0.0, 1.0, 1.0], atol=1e-8)


CONCENTRATIONS = np.array([1.0 + 1e-6, 7.0, 300.0, 1e5])


@functools.cache
def drawn(n_dims):
    """Of each concentration in turn about directions that differ: what the part gives, in double precision."""
    hidden = np.concatenate([hidden_of(direction, k) for direction, k in zip(directions(n_dims), CONCENTRATIONS, strict=True)])

    @jax.jit
    def values(hidden):
        codes, density = PART.draw((), hidden, N_DRAWS, key=KEY)
        angle = angles(1.0 + jax.nn.softplus(hidden[:, -1]), N_DRAWS, n_dims, key=KEY)
        return codes, density, PART.divergence((), hidden, None)[:, 0], PART.log_prior(None, codes), angle

    return [np.float64(value) for value in values(jnp.asarray(hidden))]


def directions(n_dims):
    """With the poles of the reflections among them."""
    first = np.eye(n_dims)[0]
    return np.array([np.arange(n_dims) - 0.7, first, -first, 1e-4 * first - np.eye(n_dims)[-1]])


@pytest.mark.parametrize("n_dims", DIMENSIONS)
class TestDraws:
    def test_codes_are_of_unit_length(self, n_dims):
        np.testing.assert_allclose(np.linalg.norm(drawn(n_dims)[0], axis=-1), 1.0, atol=1e-5)

    def test_their_densities_are_scipys(self, n_dims):
        codes, density, *_ = drawn(n_dims)
        for row in range(3):  # at the last concentration the rounding of a code moves its density
            mean = directions(n_dims)[row] / np.linalg.norm(directions(n_dims)[row])
            unit = codes[:50, row] / np.linalg.norm(codes[:50, row], axis=1, keepdims=True)
            expected = scipy.stats.vonmises_fisher(mean, CONCENTRATIONS[row]).logpdf(unit)
            np.testing.assert_allclose(density[:50, row], expected, rtol=1e-4, atol=5e-3)

    def test_the_prior_is_one_over_the_area(self, n_dims):
        area = 2 * np.pi ** (n_dims / 2) / scipy.special.gamma(n_dims / 2)
        np.testing.assert_allclose(drawn(n_dims)[3], np.full((N_DRAWS, 4), -np.log(area)), rtol=1e-5)

    def test_the_divergence_is_the_mean_of_the_log_ratio(self, n_dims):
        _, density, divergences, prior, _ = drawn(n_dims)
        ratio = density - prior
        assert np.all(np.abs(divergences - ratio.mean(axis=0)) < 5 * ratio.std(axis=0) / np.sqrt(N_DRAWS) + 1e-4)
        log_value, mean = bessel(n_dims / 2 - 1, CONCENTRATIONS)
        np.testing.assert_allclose(divergences, CONCENTRATIONS * mean - log_value, rtol=1e-4, atol=1e-5)

    def test_angles_have_their_distribution(self, n_dims):
        for row, concentration in enumerate(CONCENTRATIONS):
            offset = np.sort(drawn(n_dims)[4][:, row])
            grid = np.unique(np.concatenate([np.linspace(0, np.pi, 5001), np.linspace(0, min(np.pi, 1.1 * offset[-1]), 20_001)]))
            with np.errstate(divide="ignore", invalid="ignore"):
                powers = np.where(n_dims > 2, (n_dims - 2) * np.log(np.sin(grid)), 0.0)
            log_mass = powers - 2 * concentration * np.sin(grid / 2) ** 2
            mass = scipy.integrate.cumulative_trapezoid(np.exp(log_mass - np.max(log_mass)), grid, initial=0.0)
            gaps = np.abs(np.interp(offset, grid, mass / mass[-1]) - (np.arange(N_DRAWS) + 0.5) / N_DRAWS)
            assert gaps.max() * np.sqrt(N_DRAWS) < 1.95, concentration  # Kolmogorov's bound, passed by chance once in a thousand

    def test_codes_have_the_moments_of_the_distribution(self, n_dims):
        """The mean is A m, and the second moments are A / k I + (1 - d A / k) m m'."""
        for row, concentration in enumerate(CONCENTRATIONS):
            codes, mean = drawn(n_dims)[0][:, row], directions(n_dims)[row] / np.linalg.norm(directions(n_dims)[row])
            share = bessel(n_dims / 2 - 1, concentration)[1]
            second = share / concentration * np.eye(n_dims) + (1 - n_dims * share / concentration) * np.outer(mean, mean)
            error = 5 * codes.std(axis=0) / np.sqrt(N_DRAWS) + 1e-6
            assert np.all(np.abs(codes.mean(axis=0) - share * mean) < error)
            np.testing.assert_allclose(codes.T @ codes / N_DRAWS, second, atol=5 * codes.std() / np.sqrt(N_DRAWS))


def test_the_density_integrates_to_one_on_the_circle_and_the_sphere():
    angle = np.linspace(0.0, np.pi, 20_001)
    for n_dims, around in {2: 2.0, 3: 2 * np.pi * np.sin(angle)}.items():
        density = log_density(jnp.asarray(angle[:, None], jnp.float32), jnp.asarray([1.0, 20.0, 500.0]), n_dims)
        mass = np.exp(np.float64(density)).T * around
        np.testing.assert_allclose(scipy.integrate.simpson(mass, x=angle), 1.0, rtol=1e-4)


def test_samples_are_uniform():
    codes = np.float64(PART.sample((), None, (N_DRAWS, 3), key=KEY))
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(codes.var(axis=0), PART.prior_variance((3,)), atol=0.01)
    # Archimedes: each coordinate of a point of the common sphere is uniform.
    for axis in range(3):
        assert scipy.stats.kstest(codes[:, axis], scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-3


def second_moment(hidden, weight):
    """E[(w'z)^2] and E[w'z] by closed form, float64."""
    direction = hidden[:-1] / np.linalg.norm(hidden[:-1])
    concentration, n_dims = 1 + np.logaddexp(0, hidden[-1]), len(direction)
    share = bessel(n_dims / 2 - 1, concentration)[1]
    across = share / concentration
    return across * weight @ weight + (1 - n_dims * across) * (weight @ direction) ** 2 + share * (weight @ direction)


@pytest.mark.parametrize("n_dims", DIMENSIONS)
class TestSlopes:
    def test_draws_move_as_their_expectations_do(self, n_dims):
        """Of E[(w'z)^2 + w'z], by the direction and by the concentration, against differences of the closed form."""
        rng = np.random.default_rng(n_dims)
        hidden, weight, n_rows = np.append(rng.normal(size=n_dims), 4.0), rng.normal(size=n_dims), 200

        @jax.jit
        @jax.grad
        def slope(hidden):
            along = PART.draw((), hidden, N_DRAWS // n_rows, key=KEY)[0] @ jnp.asarray(weight, jnp.float32)
            return jnp.sum(jnp.mean(along**2 + along, axis=0))

        slopes = np.float64(slope(jnp.tile(jnp.asarray(hidden, jnp.float32), (n_rows, 1))))
        steps = 1e-5 * np.eye(n_dims + 1)
        expected = [(second_moment(hidden + step, weight) - second_moment(hidden - step, weight)) / 2e-5 for step in steps]
        error = 5 * slopes.std(axis=0) / np.sqrt(n_rows)
        assert np.all(np.abs(slopes.mean(axis=0) - expected) < error + 1e-4)
        assert np.all(error < 0.2 * np.abs(expected).max())

    def test_an_angle_keeps_its_place_in_the_distribution(self, n_dims):
        """Its derivative is that of the distribution function, by differences, over the density."""
        slope = jax.jit(_slope, static_argnums=2)
        for concentration in (0.5, 8.0, 300.0):
            spread = np.sqrt((n_dims - 1) / (concentration + n_dims))
            angle = np.float64(np.float32(np.clip(spread * np.array([0.3, 0.9, 1.0, 1.2, 2.0]), 0, 3.1)))
            grid = np.unique(np.concatenate([np.linspace(0, np.pi, 100_001), angle]))
            density = np.sin(grid) ** (n_dims - 2)

            def placed(concentration, grid=grid, angle=angle, density=density):
                mass = scipy.integrate.cumulative_simpson(density * np.exp(concentration * (np.cos(grid) - 1)), x=grid, initial=0.0)
                return np.interp(angle, grid, mass) / mass[-1], mass[-1]

            step = 1e-4 * concentration
            rise = (placed(concentration + step)[0] - placed(concentration - step)[0]) / (2 * step)
            at_angle = np.sin(angle) ** (n_dims - 2) * np.exp(concentration * (np.cos(angle) - 1)) / placed(concentration)[1]
            kept = at_angle > 1e-3 * at_angle.max()
            slopes = slope(jnp.asarray(angle, jnp.float32), jnp.full(len(angle), concentration), n_dims)
            np.testing.assert_allclose(slopes[kept], -rise[kept] / at_angle[kept], rtol=1e-4, atol=1e-6)


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
@functools.partial(jax.grad, has_aux=True)
def moved_by(hidden, weight):
    """The slope of what a batch costs and its codes, for each member."""
    latent, _ = PART((), (), hidden, None, mask=jnp.ones(4), progress=1.0, key=KEY)
    return jnp.sum(latent.code @ weight) + jnp.sum(latent.terms["kl"]), (latent.code, PART.encode((), (), hidden))


class TestLimits:
    def test_no_hidden_value_breaks_it(self):
        sizes = jnp.asarray([0.0, 1e-30, 1e-3, 1e4, 1e20, 1e30])[:, None, None]
        hidden = sizes * jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32)
        slope, codes = moved_by(hidden, jnp.arange(5.0))
        assert np.all(np.isfinite(slope))
        for code in codes:
            np.testing.assert_allclose(np.linalg.norm(code, axis=-1), 1.0, atol=1e-5)

    def test_members_are_as_they_are_alone(self):
        hidden = jnp.asarray(np.random.default_rng(1).normal(size=(6, 4, 6)), jnp.float32)
        together = moved_by(hidden, jnp.arange(5.0))
        turned = moved_by(hidden[::-1], jnp.arange(5.0))
        for ours, theirs in zip(jax.tree.leaves(together), jax.tree.leaves(turned), strict=True):
            np.testing.assert_allclose(ours, theirs[::-1], rtol=1e-6)

    def test_vectors_between_codes_are_brought_to_the_sphere(self):
        codes = PART.nearest((), (), jnp.asarray([[3.0, 4.0], [0.0, -1e-3]]))
        np.testing.assert_allclose(codes, [[0.6, 0.8], [0.0, -1.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_shape": (1,)}, "codes have at least 2 numbers; got 1. Give `latent_dim` 2 or more"),
        ({"latent_shape": (2, 3)}, "for codes of one axis"),
        ({"prior": StandardNormal()}, "has a prior of its own, the uniform distribution on the sphere.* Leave `prior` None"),
    ],
    ids=str,
)
def test_what_does_not_go_with_it_is_refused(options, message):
    with pytest.raises(PartError, match=message):
        Parts(Linear(), SquaredError(), data_shape=(4,), bottleneck=Hyperspherical(), **({"latent_shape": (2,)} | options))


def test_the_weight_rises_in_its_cycles():
    part = Hyperspherical(3.0, warmup=0.5, n_cycles=2)
    assert [float(part.term_weights(progress)["kl"]) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)] == [0.0, 1.5, 3.0, 1.5, 3.0]


@pytest.mark.slow
def test_a_likelihood_on_the_circle_is_that_of_quadrature():
    rng = np.random.default_rng(0)
    around = rng.uniform(0, 2 * np.pi, 200)
    X = (np.stack([np.cos(around), np.sin(around), np.cos(2 * around)], axis=1) + 0.3 * rng.normal(size=(200, 3)) > 0).astype(float)
    autoencoder = Autoencoder(2, loss="bernoulli", bottleneck="hyperspherical", hidden_dims=(8,), max_epochs=20, scaling=None)
    autoencoder.set_params(random_state=0, learning_rate=0.02).fit(X)
    turn = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    means = np.float64(autoencoder.inverse_transform(np.stack([np.cos(turn), np.sin(turn)], axis=1)))
    by_code = X @ np.log(means).T + (1 - X) @ np.log1p(-means).T
    exact = scipy.special.logsumexp(by_code, axis=1) - np.log(2000)
    value, error = autoencoder.log_likelihood(X, 500)
    assert np.mean(np.abs(value - exact) < 4 * error + 1e-3) > 0.97
