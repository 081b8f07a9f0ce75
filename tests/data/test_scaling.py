import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from isthmus._component import choices
from isthmus.data import AbstractScaling, Affine, Common, MinMax, Standard, UnitRange, automatic_scaling, moments, row_blocks
from isthmus.errors import DataError

SCALINGS = [part() for part in choices(AbstractScaling).values()]
ordinary = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 3))
tables = hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=ordinary)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def blocks(X, size):
    return row_blocks(X, size=size)


@given(tables, st.integers(1, 12))
def test_moments_do_not_depend_on_the_blocks(X, size):
    whole, parts = moments([X]), moments(blocks(X, size))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole.variance, X.var(axis=0), rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(parts.minimum, X.min(axis=0))
    np.testing.assert_array_equal(parts.maximum, X.max(axis=0))
    assert parts.n_rows == len(X)


@pytest.mark.parametrize("mean", [1e6, -1e12])
def test_a_large_mean_does_not_drown_a_small_spread(rng, mean):
    # Multiples of 1/8 are exact beside these means, so that only the algorithm can lose them.
    deviations = np.round(rng.normal(scale=0.8, size=(10_000, 1)) * 8) / 8
    found = moments(blocks(mean + deviations, 64))
    np.testing.assert_allclose(np.sqrt(found.variance), deviations.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.mean - mean, deviations.mean(axis=0), atol=1e-15 * abs(mean))


def test_mean_a_million_and_deviation_a_tenth(rng):
    X = rng.normal(1e6, 0.1, size=(20_000, 2))
    np.testing.assert_allclose(Standard().fit(blocks(X, 512)).scale, [0.1, 0.1], rtol=0.02)
    np.testing.assert_allclose(Standard().fit(blocks(X, 512)).scale, (X - 1e6).std(axis=0), rtol=1e-6)


def test_standard_agrees_with_scikit_learn(rng):
    X = rng.normal([1.0, -5.0, 0.0], [1e-3, 30.0, 1.0], size=(200, 3))
    reference = StandardScaler().fit(X)
    affine = Standard().fit(blocks(X, 33))
    np.testing.assert_allclose(affine.offset, reference.mean_, atol=1e-12)
    np.testing.assert_allclose(affine.scale, reference.scale_)


def test_min_max_agrees_with_scikit_learn(rng):
    X = rng.normal([1.0, -5.0, 0.0], [1e-3, 30.0, 1.0], size=(200, 3))
    affine = MinMax().fit(blocks(X, 33))
    np.testing.assert_allclose(affine.scaled(X), MinMaxScaler().fit_transform(X), atol=1e-7)
    assert affine.scaled(X).min(axis=0).tolist() == [0.0, 0.0, 0.0]
    assert affine.scaled(X).max(axis=0).tolist() == [1.0, 1.0, 1.0]


def test_common_keeps_the_squared_error_in_proportion(rng):
    X = rng.normal([1.0, -5.0, 0.0], [0.1, 30.0, 1.0], size=(200, 3))
    Y = X + rng.normal(size=X.shape)
    affine = Common().fit([X])
    ratios = np.square(X - Y).sum(axis=1) / np.square(affine.scaled(X).astype(float) - affine.scaled(Y)).sum(axis=1)
    np.testing.assert_allclose(ratios, affine.scale[0] ** 2, rtol=1e-3)
    np.testing.assert_allclose(affine.scaled(X).var(axis=0, dtype=float).mean(), 1.0, rtol=1e-5)


@pytest.mark.parametrize("scaling", SCALINGS)
@given(X=tables)
def test_scaling_and_back_is_the_identity(scaling, X):
    affine = scaling.fit([X])
    assert affine.offset.dtype == affine.scale.dtype == np.float64
    assert affine.offset.shape == affine.scale.shape == X.shape[1:]
    assert (affine.scale > 0).all()
    scaled = affine.scaled(X)
    assert scaled.dtype == np.float32
    # A float32 is right to 2^-24 of itself; so is what it stands for.
    allowed = 2.0**-23 * np.abs(X - affine.offset) + 1e-9 * (1 + np.abs(X))
    assert (np.abs(affine.unscaled(scaled) - X) <= allowed).all()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaling_works_on_images(scaling, rng):
    X = rng.normal(size=(20, 3, 4, 2))
    affine = scaling.fit(blocks(X, 7))
    assert affine.scale.shape == (3, 4, 2)
    np.testing.assert_allclose(affine.unscaled(affine.scaled(X)), X, atol=1e-5)


@pytest.mark.parametrize("scaling", [Standard(), MinMax()])
@pytest.mark.parametrize("column", [[7.0] * 5, [0.1] * 5, [0.1 + 0.2, 0.3, 0.3, 0.3, 0.3], [0.0] * 5])
def test_a_constant_column_keeps_its_unit(scaling, column):
    X = np.column_stack([column, [1.0, 2.0, 3.0, 4.0, 5.0]])
    affine = scaling.fit(blocks(X, 2))
    assert affine.scale[0] == 1.0
    assert affine.scale[1] != 1.0
    assert np.abs(affine.scaled(X)[:, 0]).max() <= 1e-6


@pytest.mark.parametrize("scaling", SCALINGS)
def test_constant_data_keep_their_unit(scaling):
    affine = scaling.fit([np.full((4, 3), 0.1), np.full((3, 3), 0.1)])
    assert affine.scale.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("X", "dtype", "offset", "scale"),
    [
        ([[0.0, 0.25], [0.5, 0.75]], np.float64, 0.0, 1.0),
        ([[0.0, 0.0], [1.0, 0.0]], bool, 0.0, 1.0),
        ([[0, 1], [1, 0]], np.uint8, 0.0, 1.0),
        ([[3, 200], [7, 10]], np.uint8, 0.0, 255.0),
        ([[3, 200], [7, 10]], np.int64, 3.0, 197.0),
        ([[-1.0, 0.5], [1.0, 0.0]], np.float32, -1.0, 2.0),
        ([[1e20, 1e20]], np.float64, 1e20, 1.0),
    ],
)
def test_unit_range(X, dtype, offset, scale):
    affine = UnitRange().fit([np.array(X, np.float64)], dtype=dtype)
    np.testing.assert_array_equal(affine.offset, [offset, offset])
    np.testing.assert_array_equal(affine.scale, [scale, scale])


def test_the_log_jacobian_is_that_of_the_density():
    # A normal density of scaled data, plus the log-Jacobian, is the density in the user's unit.
    affine = Affine(offset=np.array([1.0, 2.0]), scale=np.array([3.0, 0.5]))
    x = np.array([2.0, 2.5])
    z = (x - affine.offset) / affine.scale
    in_network = -0.5 * np.sum(z**2) - np.log(2 * np.pi)
    of_user = np.sum(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - np.log(affine.scale))
    assert in_network + affine.log_jacobian == pytest.approx(of_user)


@pytest.mark.parametrize(("unit_interval", "expected"), [(True, UnitRange()), (False, Common())])
def test_the_automatic_scaling(unit_interval, expected):
    assert automatic_scaling(unit_interval=unit_interval) == expected


def test_no_rows_are_refused():
    with pytest.raises(DataError, match=r"Got no rows\. At least one is needed .* pass an `X` with rows"):
        moments([np.zeros((0, 3))])


@pytest.mark.parametrize("bad", [1e200, np.inf, np.nan])
def test_moments_that_are_not_finite_name_the_columns(bad):
    X = np.ones((3, 4))
    X[1, 2] = bad
    with pytest.raises(DataError, match=r"not finite in 1 columns: 2\. Values must be finite .* Rescale or clip"):
        Standard().fit([X])


@pytest.mark.parametrize("scale", [1.0, 1e-300])
def test_values_too_large_for_float32_name_the_columns(scale):
    affine = Affine(np.zeros((2, 2)), np.full((2, 2), scale))
    x = np.zeros((3, 2, 2))
    x[2, 1, 0] = 1e39
    with pytest.raises(DataError, match=r"in columns \(1, 0\)\. .* ends at 3\.4e\+38\. Rescale or clip"):
        affine.scaled(x)
