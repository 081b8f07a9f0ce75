"""Rows, mixtures and covariance matrices that the tests of mixtures share; nothing here calls what is tested."""

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.mixtures import Chunks, Diagonal, Full, LowRank, Mixture, Spherical, Tied

PARTS = {"full": Full(), "tied": Tied(), "diagonal": Diagonal(), "spherical": Spherical(), "low_rank": LowRank(1)}
N_COMPONENTS, N_DIMS = 3, 4


def rows_of(n=500, seed=0):
    """Three clusters that overlap, each with correlations of its own; centered, of unit variance."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(N_COMPONENTS, N_DIMS)) * 2.0
    factors = rng.normal(size=(N_COMPONENTS, N_DIMS, N_DIMS)) * 0.6
    which = rng.integers(N_COMPONENTS, size=n)
    x = means[which] + np.einsum("nij,nj->ni", factors[which], rng.normal(size=(n, N_DIMS)))
    return (x - x.mean(axis=0)) / x.std(axis=0)


def chunked(x, size=128, weight=None, dtype=jnp.float64):
    """Rows in chunks, with padding of no weight in the last."""
    n_chunks = -(-len(x) // size)
    padded = np.zeros((n_chunks * size, x.shape[1]))
    padded[: len(x)] = x
    counts = np.zeros(n_chunks * size)
    counts[: len(x)] = 1.0 if weight is None else weight
    arrays = padded.reshape(n_chunks, size, -1).transpose(0, 2, 1), counts.reshape(n_chunks, size)
    return Chunks(*(jnp.asarray(array, dtype) for array in arrays))


def random_spread(part, seed=0):
    """A spread of any of the structures, in float64."""
    rng = np.random.default_rng(seed)
    shape = N_COMPONENTS, N_DIMS
    if isinstance(part, Spherical):
        return rng.uniform(0.5, 2.0, size=N_COMPONENTS)
    if isinstance(part, Diagonal):
        return rng.uniform(0.5, 2.0, size=shape)
    if isinstance(part, LowRank):
        neutral = part.neutral(*shape)
        return neutral._replace(loading=rng.normal(size=(*shape, part.rank)), noise=rng.uniform(0.2, 1.0, size=shape))
    upper = np.triu(rng.normal(size=(*shape, N_DIMS)) * 0.5, 1) + rng.uniform(0.5, 2.0, size=shape)[:, :, None] * np.eye(N_DIMS)
    return upper[0] if isinstance(part, Tied) else upper


def random_mixture(part, seed=0):
    """A mixture of any of the structures, in float64; call it where 64 bits are enabled."""
    rng = np.random.default_rng(seed + 100)
    weight, mean = rng.dirichlet(np.full(N_COMPONENTS, 5.0)), rng.normal(size=(N_COMPONENTS, N_DIMS))
    return jax.tree.map(jnp.asarray, Mixture(np.log(weight), mean, random_spread(part, seed)))


def dense(part, spread, n_dims=N_DIMS):
    """The covariance matrices of a spread, (components or one, dims, dims), from what each structure says that it keeps."""
    if isinstance(part, LowRank):
        loading, noise = (np.asarray(leaf, np.float64) for leaf in (spread.loading, spread.noise))
        return loading @ np.swapaxes(loading, 1, 2) + noise[:, :, None] * np.eye(n_dims)
    spread = np.asarray(spread, np.float64)
    if isinstance(part, Full | Tied):
        return np.linalg.inv(spread @ np.swapaxes(spread, -1, -2)).reshape(-1, n_dims, n_dims)
    return np.broadcast_to((spread**-2.0).reshape(len(spread), -1, 1), (len(spread), n_dims, 1)) * np.eye(n_dims)


def of_each(part, spread, n_dims=N_DIMS):
    """As `dense`, with a matrix for each component of a shared spread too."""
    return np.broadcast_to(dense(part, spread, n_dims), (N_COMPONENTS, n_dims, n_dims))
