"""Convolutions and their transposes against sums written out, JAX's own convolutions, and each other."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from isthmus.architectures._convolutions import Window, convolved, spread

N_ROWS, N_IN, N_OUT = 4, 2, 3
CASES = [
    ((1,), Window(1, 1)),
    ((2,), Window(3, 2)),
    ((7,), Window(4, 3)),
    ((8,), Window(2, 2)),
    ((9,), Window(5, 1)),
    ((1, 1), Window(1, 1)),
    ((4, 5), Window(3, 2)),
    ((5, 2), Window(3, 3)),
    ((6, 7), Window(2, 1)),
    ((7, 6), Window(4, 3)),
]
PRECISIONS = ["float32", "bfloat16"]


def places(sizes, window):
    """For each position and each place in the kernel, which value is seen there; only those that are not outside."""
    befores = [max(0, (-(-size // window.stride) - 1) * window.stride + window.size - size) // 2 for size in sizes]
    for position in np.ndindex(*(-(-size // window.stride) for size in sizes)):
        for number, offset in enumerate(np.ndindex(*(window.size,) * len(sizes))):
            place = tuple(p * window.stride + o - before for p, o, before in zip(position, offset, befores, strict=True))
            if all(0 <= index < size for index, size in zip(place, sizes, strict=True)):
                yield position, number, place


def patches(x, window):
    """What the kernel sees, (rows, *positions, places * channels), value by value."""
    sizes, n = x.shape[1:-1], x.shape[-1]
    seen = np.zeros((len(x), *(-(-size // window.stride) for size in sizes), window.size ** len(sizes), n))
    for position, number, place in places(sizes, window):
        seen[(slice(None), *position, number)] = x[(slice(None), *place)]
    return seen.reshape(*seen.shape[:-2], -1)


def overlapped(seen, sizes, window):
    """The sum of what patches say of each value: the transpose of `patches`."""
    seen = seen.reshape(*seen.shape[:-1], window.size ** len(sizes), -1)
    x = np.zeros((len(seen), *sizes, seen.shape[-1]))
    for position, number, place in places(sizes, window):
        x[(slice(None), *place)] += seen[(slice(None), *position, number)]
    return x


def sample(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def rounded(array, precision):
    return np.asarray(jnp.asarray(array).astype(precision)).astype(np.float64)


def near(found, expected, n_terms):
    """To float32's accuracy: the errors of a sum of `n_terms` products of size one grow as their root."""
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6 * np.sqrt(n_terms))


def with_gradients(function, x, kernel, cotangent):
    """The value for a batch, and the gradients of its product with `cotangent`, compiled at once."""

    def value(x, kernel):
        return jax.vmap(lambda row: function(row, kernel))(x)

    def everything(x, kernel, cotangent):
        result, back = jax.vjp(value, x, kernel)
        return result, *back(cotangent)

    return jax.jit(everything)(x, kernel, cotangent)


def inputs(sizes, window):
    taps = window.size ** len(sizes)
    wide, narrow = sample(N_ROWS, *sizes, N_IN), sample(N_ROWS, *window.positions(sizes), N_OUT, seed=1)
    return wide, narrow, sample(N_OUT, taps * N_IN, seed=2), sample(taps * N_IN, N_OUT, seed=3)


@pytest.mark.parametrize(("sizes", "window"), CASES, ids=str)
@pytest.mark.parametrize("precision", PRECISIONS)
class TestSums:
    def test_convolved_is_the_kernel_times_what_it_sees(self, sizes, window, precision):
        x, cotangent, kernel, _ = inputs(sizes, window)
        y, for_x, for_kernel = with_gradients(lambda row, kernel: convolved(row, kernel, window, precision), x, kernel, cotangent)
        seen, matrix, slope = rounded(patches(x, window), precision), rounded(kernel, precision), rounded(cotangent, precision)
        near(y, seen @ matrix.T, seen.shape[-1])
        near(for_x, overlapped(slope @ matrix, sizes, window), matrix.size)
        near(for_kernel, slope.reshape(-1, N_OUT).T @ seen.reshape(-1, seen.shape[-1]), slope.size)

    def test_spread_is_its_transpose(self, sizes, window, precision):
        cotangent, y, _, kernel = inputs(sizes, window)
        x, for_y, for_kernel = with_gradients(lambda row, kernel: spread(row, kernel, sizes, window, precision), y, kernel, cotangent)
        seen, matrix, value = rounded(patches(cotangent, window), precision), rounded(kernel, precision), rounded(y, precision)
        near(x, overlapped(value @ matrix.T, sizes, window), matrix.size)
        near(for_y, seen @ matrix, seen.shape[-1])
        near(for_kernel, seen.reshape(-1, seen.shape[-1]).T @ value.reshape(-1, N_OUT), value.size)


def library_convolved(x, kernel, window):
    """JAX's convolution of a batch with zeros outside, "SAME" as it calls them."""
    n_axes = x.ndim - 2
    filters = kernel.T.reshape(*(window.size,) * n_axes, x.shape[-1], -1)
    numbers = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}[n_axes]
    return jax.lax.conv_general_dilated(x, filters, (window.stride,) * n_axes, "SAME", dimension_numbers=numbers)


@pytest.mark.parametrize(("sizes", "window"), CASES[1:5:2] + CASES[6:8], ids=str)
@pytest.mark.parametrize("platform", ["cpu", "other"])
def test_both_ways_are_the_library_convolution_and_its_transpose(sizes, window, platform, monkeypatch):
    if platform == "other":
        monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, cpu, default: default(*args))
    x, y, kernel, back = inputs(sizes, window)
    found = with_gradients(lambda row, kernel: convolved(row, kernel, window, "float32"), x, kernel, y)

    @jax.jit
    def library(x, kernel, y, back):
        value, pull = jax.vjp(lambda x, kernel: library_convolved(x, kernel, window), x, kernel)
        return (value, *pull(y)), jax.linear_transpose(lambda x: library_convolved(x, back.T, window), x)(y)[0]

    expected, transposed = library(x, kernel, y, back)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    found = with_gradients(lambda row, kernel: spread(row, kernel, sizes, window, "float32"), y, back, x)
    np.testing.assert_allclose(found[0], transposed, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], library_convolved(x, back.T, window), rtol=1e-4, atol=1e-5)


def operations(function, *args):
    """All equations in the program of `function`, those within others included."""

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            yield equation
            for inner in jaxprs_in_params(equation.params):
                yield from walk(inner)

    return list(walk(jax.make_jaxpr(function)(*args).jaxpr))


@pytest.mark.parametrize(("platform", "by_library"), [("cpu", False), ("cuda", True), ("rocm", True), ("tpu", True)])
def test_a_cpu_multiplies_patches_and_others_convolve(platform, by_library):
    window, x, kernel = Window(3, 2), sample(N_ROWS, 5, 5, N_IN), sample(N_OUT, 9 * N_IN)

    def loss(kernel):
        rows = jax.vmap(lambda row: convolved(row, kernel, window, "float32"))(x)
        return jnp.sum(jnp.square(jax.vmap(lambda row: spread(row, kernel.T, (5, 5), window, "float32"))(rows)))

    program = jax.export.export(jax.jit(jax.grad(loss)), platforms=[platform])(kernel).mlir_module()
    assert ("stablehlo.convolution" in program) == by_library
    assert ("stablehlo.dot_general" in program) != by_library


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_batch_is_one_product(precision, monkeypatch):
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, cpu, default: cpu(*args))
    window, x, kernel = Window(3, 2), sample(N_ROWS, 5, 5, N_IN), sample(N_OUT, 9 * N_IN)

    def loss(kernel, back):
        rows = jax.vmap(lambda row: convolved(row, kernel, window, precision))(x)
        return jnp.sum(jnp.square(jax.vmap(lambda row: spread(row, back, (5, 5), window, precision))(rows)))

    found = operations(jax.grad(loss, argnums=(0, 1)), kernel, sample(9 * N_IN, N_OUT))
    products = [equation.params["dimension_numbers"] for equation in found if equation.primitive.name == "dot_general"]
    assert len(products) >= 5
    assert all(batch == ((), ()) for _, batch in products)


def test_tangents_go_forward():
    window, x, kernel = Window(3, 2), sample(5, 4, N_IN), sample(N_OUT, 9 * N_IN)

    @jax.jit
    def there_and_back(x):
        y = convolved(x, kernel, window, "float32")
        return y, spread(y, kernel.T, (5, 4), window, "float32")

    values, tangents = jax.jvp(there_and_back, (x,), (2.0 * x,))
    for value, tangent in zip(values, tangents, strict=True):
        np.testing.assert_allclose(tangent, 2.0 * value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_members_have_kernels_of_their_own(precision):
    window, x = Window(3, 2), sample(N_ROWS, 5, N_IN)
    kernels, backs = sample(3, N_OUT, 3 * N_IN), sample(3, 3 * N_IN, N_OUT, seed=1)

    def member(kernel, back, x):
        rows = jax.vmap(lambda row: convolved(row, kernel, window, precision))(x)
        return rows, jax.vmap(lambda row: spread(row, back, (5,), window, precision))(rows)

    together = jax.jit(jax.vmap(member, in_axes=(0, 0, None)))(kernels, backs, x)
    single = jax.jit(member)
    for number, (kernel, back) in enumerate(zip(kernels, backs, strict=True)):
        for found, expected in zip(together, single(kernel, back, x), strict=True):
            np.testing.assert_allclose(found[number], expected, rtol=1e-5, atol=1e-5)


def test_positions_and_padding_by_hand():
    assert Window(3, 2).positions((7, 8, 1)) == (4, 4, 1)
    assert Window(3, 2).padding((7, 8, 1)) == [(1, 1), (0, 1), (1, 1)]
    assert Window(2, 2).padding((4,)) == [(0, 0)]
    for size, window in itertools.product(range(1, 12), (Window(1, 1), Window(3, 1), Window(5, 2), Window(4, 4))):
        before, after = window.padding((size,))[0]
        assert 0 <= after - before <= 1
        assert before + size + after >= window.size
