import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from isthmus.corruptions import Gaussian


def test_adds_normal_noise_of_its_sigma():
    x = jnp.linspace(-3, 3, 20000)[:, None]
    noise = np.asarray(Gaussian(0.7)(x, key=jax.random.key(0)) - x).ravel()
    assert scipy.stats.kstest(noise / 0.7, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise, np.ravel(x))[0, 1]) < 5 / np.sqrt(noise.size)


def test_small_noise_charges_a_linear_map_the_square_of_its_slope():
    # E |A (x + e) - t|^2 = |A x - t|^2 + sigma^2 |A|^2, as in Bishop 1995.
    rng = np.random.default_rng(1)
    matrix, x, sigma = rng.normal(size=(3, 2)), jnp.asarray(rng.normal(size=(1, 3)), float), 0.3
    clean = jnp.sum(jnp.square(x @ matrix))
    noisy = Gaussian(sigma)(jnp.tile(x, (200_000, 1)), key=jax.random.key(2))
    costs = np.asarray(jnp.sum(jnp.square(noisy @ matrix), axis=1))
    error = 5 * costs.std() / np.sqrt(costs.size)
    assert abs(costs.mean() - clean - sigma**2 * np.sum(matrix**2)) < error
