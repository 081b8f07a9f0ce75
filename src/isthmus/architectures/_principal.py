from typing import Any

import equinox as eqx
import numpy as np

__all__ = ["principal_start"]


def principal_start(encoder: Any, decoder: Any, x: np.ndarray) -> tuple[Any, Any]:
    """Both networks with their linear paths at the leading principal components of `x` and their last layers at zero.

    The code is then `(x - mean) V`, and its reconstruction the projection on the components. Codes beyond the rank of `x`
    start at zero. The components come from float64: single precision loses all but the first few of columns of unequal scale.
    """
    flat = x.reshape(len(x), -1)
    n_codes = encoder.path.shape[1]
    mean = flat.mean(axis=0)
    components = np.zeros((flat.shape[1], n_codes))
    found = _leading_components(flat - mean, n_codes)
    components[:, : found.shape[1]] = found
    encoder = eqx.tree_at(lambda net: net.path, encoder, components.astype(np.float32))
    decoder = eqx.tree_at(lambda net: net.path, decoder, np.ascontiguousarray(components.T, dtype=np.float32))
    encoder, decoder = (_with_zero_output(network) for network in (encoder, decoder))
    return eqx.tree_at(lambda net: net.layers[-1].bias, encoder, (-mean @ components).astype(np.float32)), decoder


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


def _with_zero_output(network: Any) -> Any:
    return eqx.tree_at(lambda net: net.layers[-1].weight, network, np.zeros_like(network.layers[-1].weight))
