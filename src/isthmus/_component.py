"""Parts as data: frozen fields, one rule for what is traced, one way from a name to a part.

A field annotated with `float` (or holding another part) is **traced**: an argument of the compiled program, so that another value
compiles nothing. Every other field is **structure**, compiled in. The annotation decides, not the value: ``beta=1`` is a float.
A part is therefore a PyTree whose leaves are its floats and whose treedef is its structure; `jax.jit` then does the rest.

```
annotation (`Positive`, `int`, `Literal[...]`, `AbstractSchedule`, ...)
    ├── says whether the field is traced or structure
    ├── says which values are allowed, checked once, when a user builds the part
    └── tells contract tests and search spaces what to try
```
"""

import abc
import dataclasses
import functools
import importlib
import math
import numbers
import operator
import re
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, TypeVar, dataclass_transform

import jax

from isthmus._types import Interval
from isthmus.errors import PartError

__all__ = ["Component", "FieldInfo", "choices", "fields_of", "part_name", "resolve"]

ComponentType = TypeVar("ComponentType", bound="Component")


@dataclass_transform(frozen_default=True, kw_only_default=False)
class Component(abc.ABC):  # noqa: B024  # roles have the abstract methods; ABC makes them count
    """The base of every part: a frozen dataclass whose floats are PyTree leaves.

    Fields are JSON values (numbers, strings, booleans, `None`, tuples of them) or other parts. Values are checked and
    converted when the part is built, and never again: JAX rebuilds parts around tracers without coming through here.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(frozen=True, repr=True, eq=True)(cls)
        jax.tree_util.register_pytree_with_keys(
            cls,
            flatten_with_keys=_flatten_with_keys,
            unflatten_func=functools.partial(_unflatten, cls),
            flatten_func=_flatten,
        )

    def __post_init__(self) -> None:
        for field in fields_of(type(self)):
            value = _checked(field.annotation, getattr(self, field.name), f"{part_name(type(self))}.{field.name}")
            object.__setattr__(self, field.name, value)
        self.check()

    def check(self) -> None:  # noqa: B027  # most parts have nothing to refuse
        """Refuse combinations of fields that make no sense; a subclass overrides it and raises `PartError`."""

    def check_parts(self, parts: Any) -> None:  # noqa: B027  # likewise
        """Refuse a model that this part cannot be in: the shape of its data, another part beside it.

        A subclass overrides it and raises `PartError`. It is asked when the parts meet, before anything is compiled.

        Args:
            parts: the `isthmus.model.Parts` with this part in it.
        """


@dataclasses.dataclass(frozen=True)
class FieldInfo:
    """One field of a part: its name, its resolved annotation, and whether its values are traced."""

    name: str
    annotation: Any
    traced: bool
    interval: Interval | None


@functools.cache
def fields_of(cls: type[Component]) -> tuple[FieldInfo, ...]:
    """The fields of a part's class, in order, with their annotations resolved."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(
        FieldInfo(field.name, hints[field.name], _is_traced(hints[field.name]), _interval(hints[field.name]))
        for field in dataclasses.fields(cls)  # pyright: ignore[reportArgumentType]  # made a dataclass by __init_subclass__
    )


def part_name(cls: type) -> str:
    """The name by which users ask for a part: its class name in snake case.

    Example:
        >>> from isthmus.losses import SquaredError
        >>> part_name(SquaredError)
        'squared_error'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


def choices(base: type[ComponentType]) -> dict[str, type[ComponentType]]:
    """The parts of a role by name: the subclasses of `base` that its folder exports."""
    folder = importlib.import_module(base.__module__.rpartition(".")[0])
    exported = (getattr(folder, name) for name in folder.__all__)
    parts = [part for part in exported if isinstance(part, type) and issubclass(part, base) and part is not base]
    return {part_name(part): part for part in parts if not part.__name__.startswith("Abstract")}


def resolve(base: type[ComponentType], value: Any, name: str) -> ComponentType:
    """The part that `value` stands for: `value` itself when it is one, or the part of that name with its own defaults.

    Args:
        base: the abstract class of the role.
        value: an instance of `base`, or the name of one.
        name: what to call the parameter in an error.

    Raises:
        PartError: `value` is neither.

    Example:
        >>> from isthmus.losses import AbstractLoss
        >>> resolve(AbstractLoss, "huber", "loss")
        Huber(delta=1.0)
    """
    if isinstance(value, base):
        return value
    known = choices(base)
    if isinstance(value, str) and value in known:
        return known[value]()
    given = f"the class {value.__name__}; write {value.__name__}()" if isinstance(value, type) else repr(value)
    raise PartError(f"Unknown `{name}`: {given}. Choose one of: {', '.join(sorted(known))}; or pass an instance of `{base.__name__}`.")


def _flatten(part: Component) -> tuple[list[Any], tuple[Any, ...]]:
    traced = [getattr(part, field.name) for field in fields_of(type(part)) if field.traced]
    structure = tuple(getattr(part, field.name) for field in fields_of(type(part)) if not field.traced)
    return traced, structure


def _flatten_with_keys(part: Component) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
    traced, structure = _flatten(part)
    names = [field.name for field in fields_of(type(part)) if field.traced]
    return [(jax.tree_util.GetAttrKey(name), value) for name, value in zip(names, traced, strict=True)], structure


def _unflatten(cls: type[Component], structure: tuple[Any, ...], traced: Iterable[Any]) -> Component:
    part = object.__new__(cls)
    traced_values, structure_values = iter(traced), iter(structure)
    for field in fields_of(cls):
        object.__setattr__(part, field.name, next(traced_values if field.traced else structure_values))
    return part


def _is_traced(annotation: Any) -> bool:
    if annotation is float or (isinstance(annotation, type) and issubclass(annotation, Component)):
        return True
    if typing.get_origin(annotation) is Literal:
        return False
    return any(_is_traced(argument) for argument in typing.get_args(annotation))


def _interval(annotation: Any) -> Interval | None:
    for candidate in (annotation, *typing.get_args(annotation)):
        for extra in getattr(candidate, "__metadata__", ()):
            if isinstance(extra, Interval):
                return extra
    return None


def _checked(annotation: Any, value: Any, name: str) -> Any:
    """`value` as `annotation` wants it, or a `PartError` that says what is allowed."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        options = [argument for argument in arguments if argument is not type(None)]
        if len(options) > 1:
            raise TypeError(f"{name}: a field has one type, or one type and None; {annotation} has {len(options)}")
        return _checked(options[0], value, name)
    if origin is tuple:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise PartError(f"`{name}` must be a tuple, such as (128, 64); got {value!r}.")
        return tuple(_checked(arguments[0], item, name) for item in value)
    if origin is Literal:
        if value not in arguments:
            raise PartError(f"Unknown `{name}` {value!r}. Choose one of: {', '.join(map(str, arguments))}.")
        return value
    interval = _interval(annotation)
    kind = arguments[0] if origin is typing.Annotated else getattr(annotation, "__origin__", annotation)
    if isinstance(kind, type) and issubclass(kind, Component):
        return resolve(kind, value, name)
    return _checked_scalar(kind, value, interval, name)


def _checked_scalar(kind: Any, value: Any, interval: Interval | None, name: str) -> Any:
    allowed = f" in {interval}" if interval else ""
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or math.isnan(value):
            raise PartError(f"`{name}` must be a number{allowed}; got {value!r}.")
        converted: Any = float(value)
    elif kind is int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise PartError(f"`{name}` must be an integer{allowed}; got {value!r}.")
        converted = operator.index(value)
    elif kind in (bool, str):
        if not isinstance(value, kind):
            raise PartError(f"`{name}` must be {'True or False' if kind is bool else 'a string'}; got {value!r}.")
        return value
    else:
        raise TypeError(f"{name}: a field is a number, a string, a boolean, a tuple of them or a part, not {kind}")
    if interval is not None and converted not in interval:
        raise PartError(f"`{name}` must be in {interval}; got {value!r}.")
    return converted
