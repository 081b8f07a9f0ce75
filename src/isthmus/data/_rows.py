import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from isthmus._types import Shape
from isthmus.errors import DataError

from ._base import Affine, float32

Source: TypeAlias = Any  # an array of shape (n, *shape), or a SciPy sparse table in CSR form
Selection: TypeAlias = Any  # row indices, or a slice

_CHUNK_BYTES = 4 * 2**20
# Caches and vector units read whole lines of 64 bytes, and JAX takes over memory only when it begins at one. Measured on a CPU with
# jax 0.10.2: `jax.device_put(x)` shares the memory of an array aligned to 64 bytes (and then sees later changes of it), and
# copies one aligned to 16 or 32; `jax.numpy.array` always copies.
_ALIGNMENT = 64
# Below 64 rows a program for 64 costs no time that counts, since the padding is never visited, and no memory either.
_SMALLEST_BUCKET_EXPONENT = 6


def bucket(n: int) -> int:
    """The number of rows to make room for when there are `n`: the next of 64, 80, 96, 112, 128, 160, ...

    These are `(1, 1.25, 1.5, 1.75) 2^k` with k of at least 6. A compiled program serves all row counts of one bucket, as the folds of a
    cross-validation are; at most a fifth of the room stays empty (beyond 64 rows).

    Args:
        n: a number of rows.

    Raises:
        DataError: `n` is negative.

    Example:
        >>> bucket(1437), bucket(1438), bucket(60_000), bucket(3)
        (1536, 1536, 65536, 64)
    """
    if n < 0:
        raise DataError(f"A number of rows must be 0 or more; got {n!r}. Pass the length of your data.")
    # With 2^k < n <= 2^(k+1), the steps between are quarters of 2^k.
    quarter = 1 << max((n - 1).bit_length() - 3, _SMALLEST_BUCKET_EXPONENT - 2)
    return max(-(-n // quarter) * quarter, 4 * quarter)


def row_blocks(
    source: Source, rows: Selection = slice(None), size: int | None = None, *, shape: Shape | None = None
) -> Iterator[np.ndarray]:
    """The chosen rows as float64, a block at a time, for what is found in one pass.

    Blocks of float64 data may be views of the source: do not write to them.

    Args:
        source: an array of any real type, or a SciPy sparse table, of which one block at a time is made dense.
        rows: indices, or a slice.
        size: rows in a block; blocks of about 4 MB when None.
        shape: the shape to give to each row; the source's own when None.

    Example:
        >>> import numpy as np
        >>> [block.tolist() for block in row_blocks(np.arange(3), size=2)]
        [[0.0, 1.0], [2.0]]
    """
    for block in _chunks(source, rows, size, shape):
        yield block.astype(np.float64, copy=False)


def padded_rows(source: Source, rows: Selection, affine: Affine | None, capacity: int, *, shape: Shape | None = None) -> np.ndarray:
    """The chosen rows, scaled, at the start of one array of `capacity` rows whose rest is zero.

    The result is contiguous float32 and begins at a multiple of 64 bytes; scaling happens in float64, about 4 MB at a time, which is
    all the memory needed beside the result. Rows of single bytes (uint8, int8) are the exception: they keep their type
    and are not scaled, so that they stay small until the compiled program scales them. The result's dtype tells.

    Args:
        source: an array of any real type, or a SciPy sparse table, of which a few rows at a time are made dense.
        rows: indices, or a slice.
        affine: the scaling; None leaves values as they are.
        capacity: rows of the result, at least as many as chosen; see `bucket`.
        shape: the shape to give to each row; the source's own when None.

    Raises:
        DataError: there are more rows than `capacity`, or a scaled value is too large for float32.

    Example:
        >>> import numpy as np
        >>> affine = Affine(offset=np.array([1.0]), scale=np.array([2.0]))
        >>> padded_rows(np.array([[1], [5], [9]]), [2, 1], affine, 3).tolist()
        [[4.0], [2.0], [0.0]]
    """
    n = _count(source, rows)
    if n > capacity:
        raise DataError(f"Got {n!r} rows for an array of {capacity!r}. It must hold them all; use `bucket({n})` rows.")
    keeps_bytes = source.dtype in (np.uint8, np.int8)
    padded = _aligned_zeros((capacity, *_row_shape(source, shape)), source.dtype if keeps_bytes else np.dtype(np.float32))
    start = 0
    for block in _chunks(source, rows, None, shape):
        target = padded[start : start + len(block)]
        target[...] = block if keeps_bytes else float32(block, affine)
        start += len(block)
    return padded


def _chunks(source: Source, rows: Selection, size: int | None, shape: Shape | None) -> Iterator[np.ndarray]:
    """The chosen rows in the source's own type, dense, a chunk at a time."""
    row_shape = _row_shape(source, shape)
    size = size or max(1, _CHUNK_BYTES // (8 * max(1, math.prod(row_shape))))
    sparse = hasattr(source, "tocsr")
    source = source.tocsr() if sparse else source
    chosen = range(source.shape[0])[rows] if isinstance(rows, slice) else np.asarray(rows)
    for start in range(0, len(chosen), size):
        chunk = chosen[start : start + size]
        if isinstance(chunk, range):
            # A slice of an array is a view, where indices would copy.
            stop = chunk.stop if chunk.stop >= 0 else None
            chunk = slice(chunk.start, stop, chunk.step)
        block = source[chunk].toarray() if sparse else source[chunk]
        yield block.reshape(len(block), *row_shape)


def _count(source: Source, rows: Selection) -> int:
    return len(range(source.shape[0])[rows]) if isinstance(rows, slice) else len(rows)


def _row_shape(source: Source, shape: Shape | None) -> Shape:
    return tuple(source.shape[1:]) if shape is None else shape


def _aligned_zeros(shape: Shape, dtype: np.dtype) -> np.ndarray:
    # The system hands out zeroed pages when they are first touched, so that padding which nobody reads takes no memory.
    n_bytes = math.prod(shape) * dtype.itemsize
    buffer = np.zeros(n_bytes + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + n_bytes].view(dtype).reshape(shape)
