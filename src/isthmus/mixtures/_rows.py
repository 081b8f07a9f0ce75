"""From tables to chunks of whitened rows, some blocks at a time, so that a table larger than memory can be fitted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ._base import AbstractCovariance, Mixture
from ._em import Chunks

__all__ = ["Table", "Whitening", "found_whitening"]

_CHUNK_VALUES = 2**21  # of products of a chunk's rows: some megabytes
_BLOCK_BYTES = 2**30  # of whitened rows that are held at once
_MEASURED_ROWS = 2**16  # whose moments are taken at once


class Whitening(NamedTuple):
    """How rows are centered and scaled before a structure is fitted to them, in float64 on the host.

    Attributes:
        center: (dims,).
        factor: by which centered rows are multiplied: upper triangular (dims, dims), or (dims,).
    """

    center: np.ndarray
    factor: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Rows (rows, dims), whitened, in float64."""
        centered = np.subtract(x, self.center, dtype=np.float64)
        return centered @ self.factor if self.factor.ndim == 2 else centered * self.factor

    def undone(self, x: np.ndarray) -> np.ndarray:
        """The rows that become `x`."""
        if self.factor.ndim == 2:
            return np.linalg.solve(self.factor.T, x.T).T + self.center
        return x / self.factor + self.center

    def log_factors(self) -> np.ndarray:
        """What each dimension adds to log-densities of rows in their own unit, (dims,)."""
        return np.log(np.diag(self.factor) if self.factor.ndim == 2 else self.factor)

    def restored(self, covariance: AbstractCovariance, mixture: Mixture) -> Mixture:
        """A mixture of whitened rows as one of the rows themselves, in float64."""
        log_weight, mean = (np.asarray(array, np.float64) for array in mixture[:2])
        return Mixture(log_weight, self.undone(mean), covariance.rescaled(mixture.spread, self.factor))

    def whitened(self, covariance: AbstractCovariance, mixture: Mixture) -> Mixture:
        """A mixture of rows as one of whitened rows."""
        inverse = np.linalg.inv(self.factor) if self.factor.ndim == 2 else 1.0 / self.factor
        return Mixture(mixture.log_weight, self(mixture.mean), covariance.rescaled(mixture.spread, inverse))


class Table(NamedTuple):
    """Rows to fit or to judge.

    Attributes:
        x: (rows, dims), of floating-point numbers; NaN where a value is missing.
        weight: (rows,), what each counts.
        has_missing: whether any value may be missing.
    """

    x: np.ndarray
    weight: np.ndarray
    has_missing: bool = False

    def taken(self, rows: np.ndarray) -> "Table":
        """Some of the rows."""
        return self._replace(x=self.x[rows], weight=self.weight[rows])

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (dims,) and covariance (dims, dims) in float64; where values are missing, variances of those that are there."""
        # Deviations from some row's values: of a column that does not vary they are zero, and so is its variance, without rounding.
        some = np.full(self.x.shape[1], np.nan)
        total = np.zeros(self.x.shape[1])
        count = np.zeros(self.x.shape[1])
        for x, weight in self._parts():
            there = ~np.isnan(x) & (weight > 0.0)[:, None]
            some = np.where(np.isnan(some), np.where(there.any(axis=0), x[there.argmax(axis=0), np.arange(x.shape[1])], np.nan), some)
            count += weight @ there
            total += weight @ np.where(there, x - some, 0.0)
        mean = np.nan_to_num(some) + total / np.maximum(count, np.finfo(np.float64).tiny)
        second = np.zeros((len(mean), len(mean)))
        for x, weight in self._parts():
            centered = np.where(np.isnan(x), 0.0, x - mean)
            second += (weight * centered.T) @ centered
        scale = np.sqrt(np.maximum(count, np.finfo(np.float64).tiny))
        return mean, second / (scale[:, None] * scale)

    def mean_log_factor(self, whitening: Whitening) -> float:
        """By how much the mean log-density of the rows is more than that of whitened rows; of the values that are there."""
        factors = whitening.log_factors()
        if not self.has_missing:
            return float(factors.sum())
        return float(sum(weight @ (~np.isnan(x) @ factors) for x, weight in self._parts()) / self.weight.sum())

    def blocks(self, whitening: Whitening, n_components: int, dtype: Any, *, n_bytes: int | None = None) -> Iterator[Chunks]:
        """Chunks of whitened rows on the device, block by block; one block where all fit.

        Args:
            whitening: how.
            n_components: of the mixtures to come, which together with the dimensions decide how many rows make a chunk.
            dtype: of the chunks.
            n_bytes: of whitened rows in a block; None for as many as are held at once.
        """
        for _, chunks in self.numbered_blocks(whitening, n_components, dtype, n_bytes=n_bytes):
            yield chunks

    def numbered_blocks(
        self, whitening: Whitening, n_components: int, dtype: Any, *, n_bytes: int | None = None
    ) -> Iterator[tuple[np.ndarray, Chunks]]:
        """As `blocks`, each with the numbers of its rows (chunks, rows); -1 for padding."""
        size, per_block = self._sizes(n_components, dtype, n_bytes)
        for start in range(0, len(self.x), per_block):
            x, weight = self.x[start : start + per_block], self.weight[start : start + per_block]
            numbers, observed = _groups(x, size) if self.has_missing else (_in_order(len(x), size), None)
            room = _room(len(numbers)) - len(numbers)
            numbers = np.pad(numbers, ((0, room), (0, 0)), constant_values=-1)
            chunks = np.zeros((len(numbers), x.shape[1], numbers.shape[1]), dtype)
            for chunk, own in zip(chunks, numbers, strict=True):
                part = own[own >= 0]
                chunk[:, : len(part)] = np.nan_to_num(whitening(x[part]).T) if self.has_missing else whitening(x[part]).T
            counts = np.where(numbers >= 0, weight[numbers], 0.0)
            there = None if observed is None else jnp.asarray(np.pad(observed, ((0, room), (0, 0)), constant_values=True), dtype)
            yield np.where(numbers >= 0, numbers + start, -1), Chunks(jnp.asarray(chunks), jnp.asarray(counts, dtype), there)

    def whole(self, whitening: Whitening, n_components: int, dtype: Any) -> Chunks:
        """All rows of a small table as one block."""
        return next(self.blocks(whitening, n_components, dtype, n_bytes=2**62))

    def n_blocks(self, n_components: int, dtype: Any, *, n_bytes: int | None = None) -> int:
        """How many blocks there are."""
        return -(-len(self.x) // self._sizes(n_components, dtype, n_bytes)[1])

    def _sizes(self, n_components: int, dtype: Any, n_bytes: int | None) -> tuple[int, int]:
        """Rows of a chunk and of a block."""
        n_bytes = _BLOCK_BYTES if n_bytes is None else n_bytes
        n_dims = self.x.shape[1]
        size = chunk_size(len(self.x), n_components, n_dims)
        return size, max(n_bytes // (n_dims * np.dtype(dtype).itemsize * size), 1) * size

    def _parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.x), _MEASURED_ROWS):
            yield self.x[start : start + _MEASURED_ROWS].astype(np.float64), self.weight[start : start + _MEASURED_ROWS]


def found_whitening(covariance: AbstractCovariance, table: Table) -> Whitening:
    """The whitening of a table for a structure."""
    mean, matrix = table.moments()
    return Whitening(mean, covariance.whitening(matrix, axes_only=table.has_missing))


def _room(n_chunks: int) -> int:
    """Chunks to make room for: up to 8, and then by eighths of powers of two, so that tables of about one size share a program."""
    step = 1 << max((n_chunks - 1).bit_length() - 4, 0)
    return -(-n_chunks // step) * step


def _in_order(n_rows: int, size: int) -> np.ndarray:
    """Numbers of rows as they come, (chunks, size), -1 after the last."""
    numbers = np.full(-(-n_rows // size) * size, -1)
    numbers[:n_rows] = np.arange(n_rows)
    return numbers.reshape(-1, size)


def _groups(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of rows (chunks, at most `size`), in each chunk those of one pattern of values that are there, and the patterns."""
    patterns, groups = np.unique(~np.isnan(x), axis=0, return_inverse=True)
    size = min(size, 2 ** round(np.log2(max(len(x) / len(patterns), 1.0))))
    members = np.split(np.argsort(groups.reshape(-1), kind="stable"), np.cumsum(np.bincount(groups.reshape(-1)))[:-1])
    numbers = [np.where(chunk >= 0, own[chunk], -1) for own in members for chunk in _in_order(len(own), size)]
    which = [pattern for pattern, own in zip(patterns, members, strict=True) for _ in range(-(-len(own) // size))]
    return np.stack(numbers), np.stack(which)


def chunk_size(n_rows: int, n_components: int, n_dims: int) -> int:
    """Rows of a chunk: a power of two, so that few sizes are compiled."""
    values = n_dims * (n_dims + 3) // 2 + n_components
    most = 2 ** int(np.log2(max(_CHUNK_VALUES // values, 64)))
    return int(min(most, 4096, max(2 ** int(np.ceil(np.log2(n_rows))), 16)))
