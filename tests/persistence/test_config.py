"""Parts and values become JSON and come back exactly; what is unknown is refused."""

import builtins
import dataclasses
import enum
import importlib
import inspect
import json
import math
import re
import typing
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isthmus._component import Component, choices, fields_of
from isthmus._types import Fraction, NonNegative, Positive, PositiveInt
from isthmus.errors import FileFormatError, PartError
from isthmus.losses import AbstractLoss, SquaredError
from isthmus.model import Parts
from isthmus.optimizers import Adam, Constant
from isthmus.persistence import _config, from_config, to_config


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def round_trip(value: Any, *parts: type[Component]) -> Any:
    return from_config(through_json(to_config(value)), parts)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | st.sampled_from(["part", "tuple", "float", "dict", "fields", "module"])
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)
thorough = settings(max_examples=300)


@thorough
@given(VALUES)
def test_a_value_comes_back_as_it_was(value):
    # By `repr`, which tells 1 from 1.0, 0.0 from -0.0 and a tuple from a list, and finds NaN equal to NaN.
    assert repr(round_trip(value)) == repr(value)


@thorough
@given(st.floats(allow_nan=False))
def test_a_float_comes_back_bit_for_bit(value):
    assert np.float64(round_trip(value)).tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_json_has_no_number_for_is_written_as_strict_json(value):
    text = json.dumps(to_config([value]), allow_nan=False)
    assert text == json.dumps([{"float": repr(value)}])
    assert repr(round_trip(value)) == repr(value)


@pytest.mark.parametrize(
    ("scalar", "plain"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float16(0.5), 0.5),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.str_("word"), "word"),
        (np.float32("inf"), math.inf),
    ],
)
def test_a_numpy_scalar_comes_back_as_the_python_value_that_it_equals(scalar, plain):
    value = round_trip(scalar)
    assert value == scalar
    assert repr(value) == repr(plain)


class Color(enum.IntEnum):
    RED = 1


class Pair(NamedTuple):
    left: int = 1
    right: int = 2


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(3),
        np.timedelta64(3, "s"),
        np.longdouble(1),
        1j,
        b"bytes",
        {1, 2},
        len,
        object(),
        Color.RED,
        Pair(),
        {1: "key"},
        SquaredError,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_would_come_back_as_another_is_not_saved(value):
    expected = re.escape("`loss[0].x` cannot be saved: ") + ".*" + re.escape("Set it to one of these before saving.")
    with pytest.raises(FileFormatError, match=f"(?s)^{expected}$"):
        to_config([{"x": value}], name="loss")


class Scaled(AbstractLoss):
    """A part of a user's own, with a field of each kind."""

    factor: Positive = 2.0
    slack: NonNegative | None = None
    share: Fraction = 0.5
    widths: tuple[PositiveInt, ...] = (3, 4)
    bounds: tuple[float, ...] = (-math.inf, math.inf)
    mode: Literal["left", "right"] = "left"
    inner: AbstractLoss = SquaredError()
    several: tuple[AbstractLoss, ...] = ()

    def check(self):
        if self.share > 0.9:
            raise PartError("`share` is too large.")

    def __call__(self, weights, outputs, x):
        return self.factor * self.inner(weights, outputs, x)

    def mean(self, outputs):
        return outputs


EXPORTED = {f"{place}.{name}": cls for place in _config._PLACES for name, cls in _config._registry(place).items()}
ROLES = {base for cls in EXPORTED.values() for base in cls.__mro__ if base.__name__.startswith("Abstract")}
# Looked up now, because the checker of types draws random numbers, and a strategy must not.
CHOICES = {role: list(choices(role).values()) for role in ROLES}
FIELDS = {cls: fields_of(cls) for cls in [Scaled, *EXPORTED.values()]}


def values_of(annotation: Any) -> st.SearchStrategy:
    """Values that an annotation allows."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        kind, interval = arguments
        low, high = max(interval.low, -(2.0**70)), min(interval.high, 2.0**70)
        numbers = st.integers(int(low), int(high)) if kind is int else st.floats(low, high)
        return numbers.filter(lambda value: value in interval)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if type(None) in arguments:
        return st.none() | values_of(next(argument for argument in arguments if argument is not type(None)))
    if issubclass(annotation, Component):
        if not annotation.__name__.startswith("Abstract"):
            return parts_of(annotation)
        return st.sampled_from(CHOICES[annotation]).flatmap(parts_of)
    return {float: st.floats(allow_nan=False), int: st.integers(), bool: st.booleans(), str: st.text()}[annotation]


def parts_of(cls: type[Component]) -> st.SearchStrategy:
    """The class and its fields, for `built`: see `CHOICES`."""
    return st.tuples(st.just(cls), st.fixed_dictionaries({field.name: values_of(field.annotation) for field in FIELDS[cls]}))


def built(recipe: Any) -> Any:
    match recipe:
        case (type() as cls, dict() as fields):
            return with_allowed(cls, {name: built(value) for name, value in fields.items()})
        case tuple():
            return tuple(built(item) for item in recipe)
    return recipe


def with_allowed(cls: type[Component], values: dict[str, Any]) -> Any:
    """A part with as many of the values as `check` lets go together, and its defaults elsewhere."""
    parameters = inspect.signature(cls).parameters
    chosen = {name: value for name, value in values.items() if parameters[name].default is inspect.Parameter.empty}
    try:
        part = cls(**chosen)
    except PartError:
        assume(False)
    for name in [name for name in values if name not in chosen]:
        try:
            part = cls(**chosen, **{name: values[name]})
        except PartError:
            continue
        chosen[name] = values[name]
    return part


@pytest.mark.parametrize("path", EXPORTED)
def test_every_part_comes_back_equal_under_its_folder_and_name(path):
    @settings(max_examples=25)
    @given(parts_of(EXPORTED[path]))
    def comes_back(recipe):
        part = built(recipe)
        config = through_json(to_config(part))
        assert config["part"] == path
        assert set(config) == {"part", "fields"}
        assert set(config["fields"]) == {field.name for field in fields_of(type(part))}
        copy = from_config(config)
        assert type(copy) is type(part)
        assert repr(copy) == repr(part)
        assert copy == part

    comes_back()


def test_every_role_that_the_model_joins_has_its_folder_among_the_known_ones():
    folders = {_config._place(type(part)) for part in (SquaredError(), Adam(), Constant())}
    assert folders == {"losses", "optimizers"}
    for field in fields_of(Parts):
        role = next(
            (a for a in (field.annotation, *typing.get_args(field.annotation)) if isinstance(a, type) and issubclass(a, Component)), None
        )
        if role is not None:
            assert role.__module__.split(".")[1] in _config._PLACES


@given(parts_of(Scaled), st.lists(parts_of(Scaled), max_size=2))
def test_a_users_own_part_comes_back_through_parts(recipe, several):
    part = dataclasses.replace(built(recipe), several=built(tuple(several)))
    copy = round_trip({"loss": part}, Scaled)["loss"]
    assert copy == part
    assert repr(copy) == repr(part)


def test_tuples_in_a_part_are_plain_lists_and_come_back_as_tuples():
    config = to_config(Scaled(widths=(5, 6)))
    assert config["fields"]["widths"] == [5, 6]
    assert from_config(config, [Scaled]).widths == (5, 6)
    assert config["fields"]["bounds"] == [{"float": "-inf"}, {"float": "inf"}]


def test_a_users_own_part_needs_its_class():
    config = to_config({"loss": Scaled()})
    assert config["loss"]["part"] == "Scaled"
    assert config["loss"]["module"] == Scaled.__module__
    for parts, known in [((), "none"), ([SquaredError], "isthmus.losses._squared_error.SquaredError")]:
        message = (
            f"`parameters.loss` is a part of the user's own, 'Scaled' of the module {Scaled.__module__!r}. Given in `parts`: {known}. "
            "Pass its class, and no other of that name: `load(path, parts=[...])`."
        )
        with pytest.raises(FileFormatError, match=f"^{re.escape(message)}$"):
            from_config(config, parts, name="parameters")


def test_of_two_classes_of_one_name_the_module_decides():
    original, other = Scaled, type("Scaled", (Scaled,), {"__module__": "elsewhere"})
    assert type(from_config(to_config(Scaled()), [other, original])) is original
    assert type(from_config(to_config(Scaled()), [other])) is other
    with pytest.raises(FileFormatError, match="and no other of that name"):
        from_config(to_config(Scaled()), [original, original])


def test_a_users_part_of_a_librarys_name_stays_the_users():
    mine = type("SquaredError", (Scaled,), {"__module__": "isthmus_of_mine.losses"})
    config = to_config(mine())
    assert config["part"] == "SquaredError"
    assert type(from_config(config, [mine])) is mine
    with pytest.raises(FileFormatError, match="is a part of the user's own"):
        from_config(config)


@pytest.mark.parametrize("parts", [Scaled, "Scaled", None, [Scaled()], [dict], ["Scaled"]], ids=repr)
def test_parts_are_classes(parts):  # at the door itself, for the types of public arguments are checked in tests
    with pytest.raises(PartError, match=re.escape("`parts` must be a list of classes of parts; got ")):
        _config._checked_parts(parts)


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("losses.nonsense", "losses.squared_error"),
        ("losses", "losses.squared_error"),
        ("nonsense.squared_error", "losses.*"),
        ("SquaredError", "losses.*"),
        ("losses.AbstractLoss", "losses.squared_error"),
        ("losses.abstract_loss", "losses.squared_error"),
        ("losses._squared_error.squared_error", "losses.squared_error"),
        ("os.system", "losses.*"),
        ("cli.main", "losses.*"),
        ("", "losses.*"),
    ],
)
def test_an_unknown_part_is_answered_with_the_known_ones(path, known):
    with pytest.raises(FileFormatError) as caught:
        from_config({"part": path, "fields": {}}, name="loss")
    message = str(caught.value)
    assert message.startswith(f"`loss` is the unknown part {path!r}. Known are: ")
    assert known in message
    assert message.endswith("`isthmus info` says which; upgrade to it.")


def test_a_module_that_a_file_names_is_not_imported(monkeypatch):
    def no_import(*args):
        raise AssertionError(f"imported {args}")

    hostile = [{"part": "system", "module": "os", "fields": {"command": "true"}}, {"part": "os.system", "fields": {}}]
    for config in hostile:
        with monkeypatch.context() as patched:
            patched.setattr(importlib, "import_module", no_import)
            patched.setattr(builtins, "__import__", no_import)
            with pytest.raises(FileFormatError):
                from_config(config)


class Needed(AbstractLoss):
    """A part with a field that has no default."""

    width: Positive
    share: Fraction = 0.5

    def __call__(self, weights, outputs, x):
        raise NotImplementedError

    def mean(self, outputs):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"rate": 1.0}, "has the unknown fields ['rate'] and lacks the fields []"),
        ({"width": ...}, "has the unknown fields [] and lacks the fields ['width']"),
    ],
)
def test_fields_must_be_those_of_the_class(fields, found):
    config = to_config(Needed(2.0))
    config["fields"] = {key: value for key, value in {**config["fields"], **fields}.items() if value is not ...}
    message = (
        f"`loss`, a 'Needed', {found}. Its class `Needed` has: share, width. Load the file with the version of the class that wrote it."
    )
    with pytest.raises(FileFormatError, match=f"^{re.escape(message)}$"):
        from_config(config, [Needed], name="loss")


def test_a_field_that_the_part_did_not_have_when_it_was_saved_takes_its_default():
    config = to_config(Needed(2.0, share=0.25))
    del config["fields"]["share"]
    assert from_config(config, [Needed]) == Needed(2.0)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("factor", -1.0, "`scaled.factor` must be in (0, inf); got -1.0."),
        ("factor", {"float": "nan"}, "`scaled.factor` must be a number in (0, inf); got nan."),
        ("factor", {"tuple": []}, "`scaled.factor` must be a number in (0, inf); got ()."),
        ("widths", [1.5], "`scaled.widths` must be an integer in [1, inf); got 1.5."),
        ("mode", "up", "Unknown `scaled.mode` 'up'. Choose one of: left, right."),
        ("inner", {"part": "optimizers.constant", "fields": {}}, "Unknown `scaled.inner`: Constant()."),
        ("share", 0.95, "`share` is too large."),
    ],
)
def test_values_are_checked_as_when_a_user_builds_the_part(field, value, reason):
    config = to_config(Scaled())
    config["fields"][field] = value
    expected = f"`loss`, a 'Scaled', has a value that its class does not allow: {reason}"
    with pytest.raises(FileFormatError, match=f"^{re.escape(expected)}"):
        from_config(config, [Scaled], name="loss")


@pytest.mark.parametrize(
    "config",
    [
        {"part": 1, "fields": {}},
        {"part": "losses.squared_error"},
        {"part": "losses.squared_error", "fields": []},
        {"part": "losses.squared_error", "fields": {}, "module": 1},
        {"part": "losses.squared_error", "fields": {}, "extra": 1},
        {"part": "losses.squared_error", "fields": {}, "tuple": []},
    ],
    ids=repr,
)
def test_a_part_of_another_form_is_refused(config):
    with pytest.raises(
        FileFormatError, match=re.escape("`value[0]` is not a part as Isthmus writes it: it has {") + ".*Save the model again"
    ):
        from_config([config])


@pytest.mark.parametrize(
    "config",
    [{"float": "1.0"}, {"float": 1.0}, {"float": []}, {"tuple": {}}, {"dict": []}, {"tuple": [], "dict": {}}, {"float": "inf", "x": 1}],
    ids=repr,
)
def test_a_marked_value_of_another_form_is_refused(config):
    with pytest.raises(FileFormatError, match=re.escape("`value.x` is ") + ".*which is no value that Isthmus writes"):
        from_config({"x": config})


def test_a_float_that_a_population_has_stacked_is_not_saved():
    stacked = object.__new__(Adam)
    for field in fields_of(Adam):
        object.__setattr__(stacked, field.name, np.ones(2) if field.name == "beta1" else getattr(Adam(), field.name))
    with pytest.raises(FileFormatError, match=re.escape("`value.beta1` cannot be saved: array([1., 1.]) is a ndarray")):
        to_config(stacked)
