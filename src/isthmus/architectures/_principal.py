from typing import Any

import equinox as eqx
import numpy as np

from ._base import RowSample

__all__ = ["principal_start"]

# Shares of the mean variance by which the variances of the inputs may be raised; which, generalized cross-validation says.
_RIDGES = 10.0 ** np.arange(-8.0, 1.0)


def principal_start(encoder: Any, decoder: Any, rows: RowSample) -> tuple[Any, Any]:
    """Both networks with their linear paths at the best linear reconstruction of `target` from `x` and their last layers at zero.

    Where the target is `x` itself, the code is `(x - mean) V` with the leading principal components `V`, and its reconstruction the
    projection on them. Where `x` is a damaged copy it is reduced-rank regression: the least-squares map `B` from one to the
    other, projected on the leading components of what it predicts; with as many codes as features that is the Wiener filter
    (Izenman 1975, Reduced-Rank Regression for the Multivariate Linear Model). Codes beyond the rank start at zero. All is
    computed in float64: single precision loses all but the first few components of columns of unequal scale.

    Where both networks are given the class of each row, as the last features of `x` and after the code, the decoder's path begins at the
    mean of each class, and the code at what is left of the target.

    Where the encoder gives other numbers than a code, such as means and scales, or the decoder several for each value of the data, both
    networks are returned as they are.
    """
    if encoder.path.shape[1] > decoder.path.shape[0] or decoder.path.shape[1] > encoder.path.shape[0]:
        return encoder, decoder
    x, target, *classes = rows()
    given = classes[0] if classes else None
    n_given = 0 if given is None else given.shape[1]
    flat, goal = x.reshape(len(x), -1), target.reshape(len(target), -1)
    if encoder.path.shape[1] + n_given != decoder.path.shape[0] or goal.shape[1] != decoder.path.shape[1]:
        return encoder, decoder
    n_codes, mean = encoder.path.shape[1], flat.mean(axis=0)
    centered = flat - mean
    into, back = np.zeros((flat.shape[1], n_codes)), np.zeros((n_codes + n_given, goal.shape[1]))
    if given is not None:
        centers = given.T @ (goal - goal.mean(axis=0)) / np.maximum(given.sum(axis=0), 1.0)[:, None]
        back[n_codes:], goal = centers, goal - given @ centers
    if x is target:
        components = _leading_components(centered, n_codes)
        rank = components.shape[1]
        into[:, :rank], back[:rank] = components, components.T
    else:
        regression = _ridge_regression(centered, goal - goal.mean(axis=0))
        components = _leading_components(centered @ regression, n_codes)
        rank = components.shape[1]
        into[:, :rank], back[:rank] = regression @ components, components.T
    encoder, decoder = (_with_zero_output(network) for network in (encoder, decoder))
    encoder = eqx.tree_at(lambda net: net.path, encoder, into.astype(np.float32))
    decoder = eqx.tree_at(lambda net: net.path, decoder, back.astype(np.float32))
    return eqx.tree_at(lambda net: net.layers[-1].bias, encoder, (-mean @ into).astype(np.float32)), decoder


def _leading_components(centered: np.ndarray, n_components: int) -> np.ndarray:
    """Orthonormal directions of most variance, (features, at most `n_components`), from the smaller of the two Gram matrices."""
    rows, features = centered.shape
    if features <= rows:
        _, vectors = np.linalg.eigh(centered.T @ centered)
        return vectors[:, ::-1][:, :n_components]
    values, vectors = np.linalg.eigh(centered @ centered.T)
    kept = values[::-1][:n_components] > values[-1] * 1e-12
    leading = centered.T @ vectors[:, ::-1][:, :n_components][:, kept]
    return leading / np.linalg.norm(leading, axis=0)


def _ridge_regression(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The map (features, targets) from centered rows to centered targets, with the ridge that generalized cross-validation prefers.

    Golub, Heath & Wahba 1979: the residual sum of squares over the square of the degrees of freedom that are left.
    """
    values, vectors = np.linalg.eigh(x.T @ x)
    values = np.maximum(values, 0.0)
    if not values.any():
        return np.zeros((x.shape[1], y.shape[1]))  # of rows that are all the same
    moments = vectors.T @ (x.T @ y)
    energy = np.sum(np.square(moments), axis=1)
    best, smallest = values, np.inf
    for ridge in _RIDGES * max(values.mean(), np.finfo(float).tiny):
        raised = values + ridge
        residual = np.sum(np.square(y)) - np.sum(energy * (2.0 / raised - values / np.square(raised)))
        left = max(1.0 - np.sum(values / raised) / len(x), 1e-3)
        if residual / left**2 < smallest:
            best, smallest = raised, residual / left**2
    return vectors @ (moments / best[:, None])


def _with_zero_output(network: Any) -> Any:
    return eqx.tree_at(lambda net: net.layers[-1].weight, network, np.zeros_like(network.layers[-1].weight))
