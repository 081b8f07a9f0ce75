"""What every initializer must do."""

import dataclasses

import numpy as np
import pytest

from isthmus._activations import ACTIVATIONS, fan_scale
from isthmus._component import choices, fields_of, part_name
from isthmus.initializers import AbstractInitializer, FanScaled, Orthogonal, Sparse

INITIALIZERS = list(choices(AbstractInitializer).values())
SIZES = [(1, 1), (1, 2), (2, 1), (1, 40), (40, 1), (3, 3), (20, 7), (7, 20), (16, 15)]


def square_gain(activation, fan_in=1, fan_out=1):
    """How much variance a weight has for each value that comes in."""
    return fan_in * fan_scale(activation, fan_in, fan_out) ** 2 / 3


# The mean square of a weight, by the papers.
SQUARES = {
    FanScaled: lambda activation, fan_in, fan_out: fan_scale(activation, fan_in, fan_out) ** 2 / 3,
    Orthogonal: lambda activation, fan_in, fan_out: square_gain(activation) / max(fan_in, fan_out),
    Sparse: lambda activation, fan_in, fan_out: (
        {"sigmoid": 1.0, "tanh": 1 / 16}.get(activation, square_gain(activation) / min(15, fan_in)) * min(15, fan_in) / fan_in
    ),
}


def draw(initializer, fan_in=20, fan_out=7, activation="relu", seed=0):
    return initializer(fan_in, fan_out, activation, rng=np.random.default_rng(seed))


def test_every_initializer_has_its_closed_form_here():
    assert set(SQUARES) == set(INITIALIZERS)


@pytest.mark.parametrize("part", INITIALIZERS, ids=part_name)
class TestEveryInitializer:
    @pytest.mark.parametrize(("fan_in", "fan_out"), SIZES)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_gives_finite_float32_of_the_shape(self, part, fan_in, fan_out, activation):
        weight = draw(part(), fan_in, fan_out, activation)
        assert weight.shape == (fan_in, fan_out)
        assert weight.dtype == np.float32
        assert weight.flags.c_contiguous
        assert np.all(np.isfinite(weight))

    def test_depends_on_the_generator_alone(self, part):
        first, again, other = (draw(part(), seed=seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_the_next_layer_is_another_draw(self, part):
        rng = np.random.default_rng(0)
        first, second = (part()(9, 9, "tanh", rng=rng) for _ in range(2))
        assert not np.allclose(first, second)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize(("fan_in", "fan_out"), [(200, 120), (120, 200)])
    def test_weights_are_as_large_as_its_paper_says(self, part, activation, fan_in, fan_out):
        weight = draw(part(), fan_in, fan_out, activation).astype(float)
        wanted = SQUARES[part](activation, fan_in, fan_out)
        np.testing.assert_allclose(np.mean(weight**2), wanted, rtol=0.1)
        assert abs(weight.mean()) < 5 * np.sqrt(wanted / weight.size)

    def test_units_differ_from_each_other(self, part):
        weight = draw(part(), 12, 12)
        assert np.linalg.matrix_rank(weight) == 12
        cosines = weight.T @ weight / np.outer(np.linalg.norm(weight, axis=0), np.linalg.norm(weight, axis=0))
        assert np.max(np.abs(cosines - np.eye(12))) < 0.99

    def test_no_field_is_inert(self, part):
        for field in fields_of(part):
            value = getattr(part(), field.name)
            changed = dataclasses.replace(part(), **{field.name: 0.5 * value if field.traced else value - 1})
            assert not np.allclose(draw(part(), 40), draw(changed, 40)), field.name

    def test_its_scale_multiplies_every_weight(self, part):
        np.testing.assert_allclose(draw(part(scale=3.0)), 3.0 * draw(part()), rtol=1e-5)
