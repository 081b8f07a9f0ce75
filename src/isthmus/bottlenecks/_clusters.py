"""Where codebooks begin: centers of clusters of the encoder's first outputs, on the host."""

import numpy as np

__all__ = ["cluster_centers", "nearest_center", "thinned"]

_ITERATIONS = 10  # a start, not a solution: training moves the centers on
_FEWEST_POINTS, _POINTS_A_CENTER = 2**14, 4
_BLOCK = 2**22  # distances at a time, 32 MB


def thinned(points: np.ndarray, n_centers: int, *, rng: np.random.Generator) -> np.ndarray:
    """As many of the points (n_points, n_dims), in float64, as are needed to place `n_centers`."""
    n_points = max(_FEWEST_POINTS, _POINTS_A_CENTER * n_centers)
    chosen = rng.choice(len(points), n_points, replace=False) if len(points) > n_points else slice(None)
    return np.asarray(points[chosen], np.float64)


def cluster_centers(points: np.ndarray, n_centers: int, *, rng: np.random.Generator) -> np.ndarray:
    """Centers (n_centers, n_dims) by k-means from a k-means++ start; where there are fewer different points, some centers are equal.

    Args:
        points: (n_points, n_dims), float64.
        n_centers: how many.
        rng: for the start.
    """
    centers = _spread(points, n_centers, rng)
    for _ in range(_ITERATIONS):
        labels = nearest_center(points, centers)
        counts = np.bincount(labels, minlength=n_centers)
        sums = [np.bincount(labels, weights=column, minlength=n_centers) for column in points.T]
        moved = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
        moved = np.where(counts[:, None] > 0, moved, centers)
        if np.array_equal(moved, centers):
            break
        centers = moved
    return centers


def nearest_center(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The number of the center nearest to each point."""
    size = max(1, _BLOCK // len(centers))
    squares = np.sum(np.square(centers), axis=1)
    blocks = (points[start : start + size] for start in range(0, len(points), size))
    return np.concatenate([np.argmin(squares - 2.0 * block @ centers.T, axis=1) for block in blocks])


def _spread(points: np.ndarray, n_centers: int, rng: np.random.Generator) -> np.ndarray:
    """Points drawn one after the other, each with a probability in proportion to its squared distance from those before."""
    centers = np.empty((n_centers, points.shape[1]))
    distances = np.ones(len(points))
    for index in range(n_centers):
        bounds = np.cumsum(distances)
        # Where every point is a center already, the sum is zero and any of them will do.
        drawn = np.searchsorted(bounds, rng.random() * bounds[-1], side="right") if bounds[-1] > 0.0 else rng.integers(len(points))
        centers[index] = points[min(drawn, len(points) - 1)]
        distance = np.sum(np.square(points - centers[index]), axis=1)
        distances = distance if index == 0 else np.minimum(distances, distance)
    return centers
