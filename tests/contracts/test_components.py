"""What every part of every role must do, found through the folders' exports."""

import copy
import dataclasses
import importlib
import json
import math
import pathlib
import pickle
import re
import typing
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import isthmus
from isthmus._component import Component, choices, fields_of, part_name, resolve
from isthmus._types import Interval, NonNegative, Positive, PositiveInt
from isthmus.errors import IsthmusError, PartError


def roles() -> list[type[Component]]:
    folders = sorted(path.parent.name for path in pathlib.Path(isthmus.__file__).parent.glob("*/_base.py"))
    exported = []
    for folder in folders:
        if (pathlib.Path(isthmus.__file__).parent / folder / "__init__.py").exists():
            module = importlib.import_module(f"isthmus.{folder}")
            exported += [getattr(module, name) for name in module.__all__ if name.startswith("Abstract")]
    return [role for role in exported if isinstance(role, type) and issubclass(role, Component)]


ROLES = roles()
PARTS = list({part: None for role in ROLES for part in choices(role).values()})
RANGED = [pytest.param(part, field, id=f"{part_name(part)}.{field.name}") for part in PARTS for field in fields_of(part) if field.interval]


def moved(part: Component) -> Component:
    """The part with every float changed."""
    return jax.tree.map(lambda leaf: 0.5 * leaf + 0.001, part)


def with_field(part: Component, name: str, value: Any) -> Component:
    """The part with one field changed and no check, as JAX rebuilds it."""
    other = copy.copy(part)
    object.__setattr__(other, name, value)
    return other


def another_structure(annotation: Any, value: Any) -> Any:
    """A value that this annotation allows and that gives another program, or `value` when there is none."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return another_structure(arguments[0], value)
    if type(None) in arguments:
        inner = next(argument for argument in arguments if argument is not type(None))
        return None if value is not None else example(inner)
    if origin is Literal:
        return next((argument for argument in arguments if argument != value), value)
    if origin is tuple:
        return (*value, example(arguments[0]))
    if isinstance(annotation, type) and issubclass(annotation, Component):
        others = [other for other in choices(annotation).values() if other is not type(value)]
        return others[0]() if others else value
    return {bool: lambda: not value, int: lambda: value + 1, str: lambda: value + "_"}.get(annotation, lambda: value)()


def example(annotation: Any) -> Any:
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return example(arguments[0])
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (example(arguments[0]),)
    if issubclass(annotation, Component):
        return next(iter(choices(annotation).values()))()
    return annotation(1)


def test_every_role_has_parts():
    assert {"AbstractLoss", "AbstractRegularizer", "AbstractCorruption", "AbstractOptimizer", "AbstractSchedule"} <= {
        role.__name__ for role in ROLES
    }
    assert all(choices(role) for role in ROLES)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_names_are_class_names_in_snake_case_and_lead_back_to_the_part(role):
    for name, part in choices(role).items():
        assert name == part_name(part)
        assert name == name.lower()
        assert name.replace("_", "") == part.__name__.lower()
        given = resolve(role, name, "part")
        assert type(given) is part
        assert resolve(role, given, "part") is given


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_an_unknown_name_is_answered_with_the_known_ones(role):
    known = ", ".join(sorted(choices(role)))
    expected = f"Unknown `part`: 'nonsense'. Choose one of: {known}; or pass an instance of `{role.__name__}`."
    with pytest.raises(PartError, match=re.escape(expected)):
        resolve(role, "nonsense", "part")


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_a_class_in_place_of_an_instance_is_answered_with_the_call(role):
    part = next(iter(choices(role).values()))
    with pytest.raises(PartError, match=re.escape(f"the class {part.__name__}; write {part.__name__}()")):
        resolve(role, part, "part")


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_an_abstract_part_cannot_be_built(role):
    with pytest.raises(TypeError, match="abstract"):
        role()


@pytest.mark.parametrize("part", PARTS, ids=part_name)
class TestEveryPart:
    def test_has_no_subclass_in_the_library(self, part):
        assert not [child for child in part.__subclasses__() if child.__module__.startswith("isthmus.")]

    def test_is_frozen(self, part):
        for field in fields_of(part):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(part(), field.name, 0)

    def test_equals_and_hashes_by_value(self, part):
        assert part() == part()
        assert hash(part()) == hash(part())
        if jax.tree.leaves(part()):
            assert moved(part()) != part()

    def test_survives_pickle_and_deepcopy(self, part):
        for changed in (part(), moved(part())):
            assert pickle.loads(pickle.dumps(changed)) == changed
            assert copy.deepcopy(changed) == changed

    def test_prints_as_the_call_that_makes_it(self, part):
        names = {other.__name__: other for other in [*PARTS, part]}
        assert eval(repr(part()), {}, names) == part()

    def test_fields_are_json_values_or_parts(self, part):
        original = moved(part())
        values = {field.name: getattr(original, field.name) for field in fields_of(part)}
        first = {name: value[0] if isinstance(value, tuple) and value else value for name, value in values.items()}
        parts = {name: value for name, value in values.items() if isinstance(first[name], Component)}
        plain = {name: value for name, value in values.items() if name not in parts}
        assert part(**json.loads(json.dumps(plain, allow_nan=False)), **parts) == original

    def test_floats_are_leaves_and_all_else_is_structure(self, part):
        leaves = jax.tree.leaves(part())
        assert all(type(leaf) is float for leaf in leaves)
        assert jax.tree.structure(moved(part())) == jax.tree.structure(part())
        assert jax.tree.unflatten(jax.tree.structure(part()), leaves) == part()

    def test_leaves_are_named_by_their_fields(self, part):
        for path, value in jax.tree_util.tree_flatten_with_path(part())[0]:
            found = part()
            for step in path:
                found = getattr(found, step.name) if isinstance(step, jax.tree_util.GetAttrKey) else found[step.idx]
            assert found == value

    def test_another_float_compiles_nothing_and_another_structure_does(self, part):
        traces = []

        @jax.jit
        def compiled(part):
            traces.append(part)
            return sum(jax.tree.leaves(part), 0.0)

        compiled(part())
        compiled(moved(part()))
        assert len(traces) == 1
        for field in fields_of(part):
            value = getattr(part(), field.name)
            other = another_structure(field.annotation, value)
            if other != value:
                before = len(traces)
                compiled(with_field(part(), field.name, other))
                assert len(traces) == before + 1, field.name

    def test_a_population_is_a_part_with_stacked_floats(self, part):
        members = [part(), moved(part())]
        stacked = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *members)
        assert type(stacked) is part
        for index, member in enumerate(members):
            picked = jax.tree.map(lambda leaf, index=index: leaf[index], stacked)
            np.testing.assert_allclose(jax.tree.leaves(picked), jax.tree.leaves(member), rtol=1e-6)


@pytest.mark.parametrize(("part", "field"), RANGED)
def test_a_value_out_of_range_is_answered_with_the_range(part, field):
    low, high = field.interval.low, field.interval.high
    outside = [low if field.interval.open_low else low - 1, float("nan")]
    outside += [high] if field.interval.open_high else [high + 1]
    for value in outside:
        given = (value,) if "tuple" in str(field.annotation) else value
        with pytest.raises(PartError) as caught:
            part(**{field.name: given})
        message = str(caught.value)
        assert f"`{part_name(part)}.{field.name}` must be" in message
        assert repr(value) in message
        assert str(field.interval) in message or "integer" in message


class Sample(Component):
    """A part with a field of each kind."""

    positive: Positive = 1.0
    optional: NonNegative | None = None
    count: PositiveInt = 3
    widths: tuple[PositiveInt, ...] = (4, 2)
    choice: Literal["left", "right"] = "left"
    flag: bool = False
    text: str = "a"
    several: tuple[float, ...] = (0.5,)

    def check(self) -> None:
        if self.text == "b" and self.flag:
            raise PartError("`text` 'b' does not go with `flag`.")


def test_values_are_converted_to_the_annotated_type():
    part = Sample(positive=2, optional=np.float32(0.5), count=np.int64(7), widths=[np.int32(5), 6], several=[1])
    assert part == Sample(2.0, 0.5, 7, (5, 6), "left", False, "a", (1.0,))
    assert [type(value) for value in (part.positive, part.optional, part.count, *part.widths, *part.several)] == [
        float,
        float,
        int,
        int,
        int,
        float,
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"positive": "1"}, "`sample.positive` must be a number in (0, inf); got '1'."),
        ({"positive": True}, "`sample.positive` must be a number in (0, inf); got True."),
        ({"positive": None}, "`sample.positive` must be a number in (0, inf); got None."),
        ({"positive": math.inf}, "`sample.positive` must be in (0, inf); got inf."),
        ({"optional": -1}, "`sample.optional` must be in [0, inf); got -1."),
        ({"count": 1.5}, "`sample.count` must be an integer in [1, inf); got 1.5."),
        ({"count": True}, "`sample.count` must be an integer in [1, inf); got True."),
        ({"count": 0}, "`sample.count` must be in [1, inf); got 0."),
        ({"widths": 4}, "`sample.widths` must be a tuple, such as (128, 64); got 4."),
        ({"widths": "42"}, "`sample.widths` must be a tuple, such as (128, 64); got '42'."),
        ({"widths": (4, 0)}, "`sample.widths` must be in [1, inf); got 0."),
        ({"choice": "up"}, "Unknown `sample.choice` 'up'. Choose one of: left, right."),
        ({"flag": 1}, "`sample.flag` must be True or False; got 1."),
        ({"text": 1}, "`sample.text` must be a string; got 1."),
        ({"text": "b", "flag": True}, "`text` 'b' does not go with `flag`."),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_allowed(fields, message):
    with pytest.raises(PartError, match=f"^{re.escape(message)}$"):
        Sample(**fields)


def test_part_errors_are_value_errors_and_ours():
    with pytest.raises(ValueError, match="positive") as caught:
        Sample(positive=0)
    assert isinstance(caught.value, IsthmusError)


def test_the_annotation_decides_what_is_traced_and_not_the_value():
    traced = [field.name for field in fields_of(Sample) if field.traced]
    assert traced == ["positive", "optional", "several"]
    assert jax.tree.leaves(Sample(positive=1)) == [1.0, 0.5]
    assert jax.tree.leaves(Sample(optional=0)) == [1.0, 0.0, 0.5]


def test_parts_are_rebuilt_around_tracers_without_checks():
    @jax.jit
    def negative(part):
        return jax.tree.map(lambda leaf: -leaf, part)

    assert float(negative(Sample()).positive) == -1.0


def test_a_users_own_part_is_taken_as_an_instance():
    from isthmus.losses import AbstractLoss

    class Cubic(AbstractLoss):
        strength: Positive = 2.0

        def __call__(self, weights, outputs, x):
            return self.strength * jnp.sum(jnp.abs(outputs - x) ** 3, axis=-1)

        def mean(self, outputs):
            return outputs

    assert resolve(AbstractLoss, Cubic(3), "loss") == Cubic(3.0)
    assert jax.tree.leaves(Cubic()) == [2.0]
    with pytest.raises(PartError, match=r"`cubic\.strength` must be in \(0, inf\); got 0\."):
        Cubic(0)


def test_a_users_part_without_its_methods_cannot_be_built():
    from isthmus.losses import AbstractLoss

    class Unfinished(AbstractLoss):
        def mean(self, outputs):
            return outputs

    with pytest.raises(TypeError, match="__call__"):
        Unfinished()


def test_an_interval_knows_its_ends():
    assert 0.0 in Interval(0, 1)
    assert 1.0 in Interval(0, 1)
    assert 0.0 not in Interval(0, 1, open_low=True)
    assert 1.0 not in Interval(0, 1, open_high=True)
    assert "0" not in Interval(0, 1)
    assert str(Interval(0, 1, open_high=True)) == "[0, 1)"
