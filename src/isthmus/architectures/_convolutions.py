"""Convolutions over any number of axes, channels last, and their transposes: what is fast depends on the platform.

On a CPU, XLA's own convolutions lose their threads inside a compiled loop (jax 0.10.2: 20 times the time of what follows, for 28x28
images with 32 and 64 channels). So they are made of products there. What the kernel sees at each position becomes a row of a
matrix; the transpose multiplies first, and adds each result where its kernel puts it, with no products by the zeros that a
stride would set between values.

```
             patches                         times the kernel
(*sizes, c) ---------> (*positions, k^d c) ------------------> (*positions, n)        convolved
(*sizes, n) <--------- (*positions, k^d n) <------------------ (*positions, c)        spread
            transposed
```

Patches are made of steps (a split, slices, a concatenation) whose transposes are of the same kind, so that the gradients JAX derives
cost what the values do. The kernel's rows are what a product gives, because the gradient of a kernel the other way round is
written out transposed once more.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from isthmus._numerics import product
from isthmus._types import Shape

__all__ = ["Window", "convolved", "spread"]


class Window(NamedTuple):
    """A kernel's size and stride, the same along every axis.

    Positions are as many as strides begin within an axis; what the kernel sees outside is zero, and lies at both ends in equal shares,
    an odd one at the end.
    """

    size: int
    stride: int

    def positions(self, sizes: Shape) -> Shape:
        """How many there are along each axis."""
        return tuple(-(-size // self.stride) for size in sizes)

    def padding(self, sizes: Shape) -> list[tuple[int, int]]:
        """How many zeros are seen before and after each axis."""
        totals = [max(0, (count - 1) * self.stride + self.size - size) for count, size in zip(self.positions(sizes), sizes, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]


def convolved(x: Any, kernel: Any, window: Window, precision: str) -> Any:
    """The kernel's value at every position of the window: (*sizes, c) becomes (*positions, n), without a bias.

    `y[i] = sum over j of x[i * stride + j - before]' kernel[j]`, zero where x is not.

    Args:
        x: one example, of shape (*sizes, c).
        kernel: a matrix of shape (n, window.size ** axes * c).
        window: size and stride.
        precision: of the operands, as in `product`.
    """

    def by_products(x: Any, kernel: Any) -> Any:
        return product(_patches(x, window), kernel.T, precision)

    return _on_platform(by_products, functools.partial(_library, window=window), precision)(x, kernel)


def spread(y: Any, kernel: Any, sizes: Shape, window: Window, precision: str) -> Any:
    """The transpose of `convolved`: (*positions, c) becomes (*sizes, n), each value spread over what the window saw there.

    Args:
        y: one example, of shape (*window.positions(sizes), c).
        kernel: a matrix of shape (window.size ** axes * n, c).
        sizes: of the axes that it is spread over.
        window: size and stride.
        precision: of the operands, as in `product`.
    """
    seen = jax.ShapeDtypeStruct((*sizes, kernel.shape[0] // window.size ** len(sizes)), jnp.float32)

    def by_products(y: Any, kernel: Any) -> Any:
        return _transposed(lambda x: _patches(x, window), seen)(product(y, kernel.T, precision))

    def by_library(y: Any, kernel: Any) -> Any:
        return _transposed(lambda x: _library(x, kernel.T, window), seen)(y)

    return _on_platform(by_products, by_library, precision)(y, kernel)


def _on_platform(by_products: Callable[..., Any], by_library: Callable[..., Any], precision: str) -> Callable[..., Any]:
    # JAX (0.10.2) cannot differentiate a library convolution of bfloat16 values with float32 sums; products it can, everywhere.
    if precision != "float32":
        return by_products
    return functools.partial(jax.lax.platform_dependent, cpu=by_products, default=by_library)


def _transposed(function: Callable[[Any], Any], seen: jax.ShapeDtypeStruct) -> Callable[[Any], Any]:
    """The transpose of a linear function of one array like `seen`."""
    return lambda y: jax.linear_transpose(function, seen)(y)[0]


def _patches(x: Any, window: Window) -> Any:
    """What the window sees at every position: (*sizes, c) becomes (*positions, size ** axes * c), a place's channels together."""
    counts, phases = window.positions(x.shape[:-1]), _phases(x, window)
    taps = []
    for offsets in itertools.product(range(window.size), repeat=len(counts)):
        starts = [offset // window.stride for offset in offsets]
        stops = [start + count for start, count in zip(starts, counts, strict=True)]
        phase = phases[tuple(offset % window.stride for offset in offsets)]
        taps.append(jax.lax.slice(phase, (*starts, 0), (*stops, x.shape[-1])))
    return jnp.concatenate(taps, axis=-1)


def _phases(x: Any, window: Window) -> dict[Shape, Any]:
    """The values `stride` apart, for each place to begin at: in these arrays, what neighboring positions see lies side by side."""
    sizes, stride = x.shape[:-1], window.stride
    lengths = [count + (window.size - 1) // stride for count in window.positions(sizes)]
    befores = [before for before, _ in window.padding(sizes)]
    afters = [length * stride - size - before for length, size, before in zip(lengths, sizes, befores, strict=True)]
    padded = jnp.pad(x, [*zip(befores, afters, strict=True), (0, 0)])
    parted = jnp.reshape(padded, (*itertools.chain.from_iterable((length, stride) for length in lengths), x.shape[-1]))
    phases: dict[Shape, Any] = {(): parted}
    for axis in range(len(sizes)):
        phases = {
            (*begin, number): jnp.squeeze(part, axis + 1)
            for begin, phase in phases.items()
            for number, part in enumerate(jax.lax.split(phase, (1,) * stride, axis=axis + 1))
        }
    return phases


def _library(x: Any, kernel: Any, window: Window) -> Any:
    """`convolved` by one of XLA's own convolutions, in float32."""
    sizes, n_axes = x.shape[:-1], x.ndim - 1
    letters = "DHW"[3 - n_axes :]
    filters = jnp.reshape(kernel.T, (*(window.size,) * n_axes, x.shape[-1], kernel.shape[0]))
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    strides = (window.stride,) * n_axes
    return jax.lax.conv_general_dilated(x[None], filters, strides, window.padding(sizes), dimension_numbers=numbers)[0]
