"""What users type on the command line, made into values."""

import dataclasses
import importlib
import inspect
import json
import re
from typing import Any

import click

from ._choices import ROLES, part_names

__all__ = ["Assignment", "Part", "Switchable", "Widths", "parsed_value"]

_WORDS: dict[str, Any] = {"none": None, "true": True, "false": False}


def parsed_value(text: str) -> Any:
    """The value that `text` spells: JSON, a number as Python writes it, `none`, or else the text itself.

    Example:
        >>> parsed_value("1e-4"), parsed_value("none"), parsed_value("[64, 32]"), parsed_value("huber")
        (0.0001, None, (64, 32), 'huber')
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for parse in (json.loads, float):
        try:
            return _as_tuples(parse(text))
        except ValueError:
            continue
    return text


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value


@dataclasses.dataclass(frozen=True)
class Spec:
    """A part as it was typed: its role, its name and the values of its fields."""

    role: str
    name: str
    positional: tuple[Any, ...]
    named: dict[str, Any]

    def build(self) -> Any:
        """The part; a bare name stays one, for the estimator to resolve."""
        if not self.positional and not self.named:
            return self.name
        from isthmus._component import choices

        folder, base = ROLES[self.role]
        part = choices(getattr(importlib.import_module(f"isthmus.{folder}"), base))[self.name]
        fields = list(inspect.signature(part).parameters)
        unknown = [repr(name) for name in self.named if name not in fields]
        if unknown or len(self.positional) > len(fields):
            given = f"has no {', '.join(unknown)}" if unknown else f"was given {len(self.positional)} values"
            raise click.BadParameter(f"{self.name!r} {given}. It takes: {', '.join(fields) or 'nothing'}.", param_hint=f"--{self.role}")
        return part(**dict(zip(fields, self.positional, strict=False)) | self.named)


class Part(click.ParamType):
    """A part by name, with values for its fields: `l1`, `l1:1e-4`, `adamw:weight_decay=0.01,schedule=cosine`.

    Values without a name go to the first fields, in the order of the constructor. `Spec.build` makes the part, when JAX is there.
    """

    name = "part"

    def __init__(self, role: str) -> None:
        self.role = role

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Spec:
        name, _, fields = str(value).partition(":")
        known = part_names(self.role)
        if name not in known:
            self.fail(f"Unknown {self.role} {name!r}. Choose one of: {', '.join(known)}; values follow a colon.", param, ctx)
        items = re.split(r",(?![^\[]*\])", fields) if fields else []  # commas inside [...] belong to the value
        named = dict(item.split("=", 1) for item in items if "=" in item)
        positional = tuple(parsed_value(item) for item in items if "=" not in item)
        return Spec(self.role, name, positional, {key: parsed_value(text) for key, text in named.items()})


class Widths(click.ParamType):
    """Integers separated by commas; an empty text is no layer."""

    name = "widths"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(width) for width in str(value).split(",") if width.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of widths. Write integers separated by commas, such as 128,64.", param, ctx)


class Switchable(click.ParamType):
    """A number, or `none` to switch the feature off."""

    name = "number or none"

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value).lower() == "none":
            return None
        try:
            return self.kind(value)
        except ValueError:
            kind = "an integer" if self.kind is int else "a number"
            self.fail(f"{value!r} is not {kind}. Write {kind}, or none to switch it off.", param, ctx)


class Assignment(click.ParamType):
    """`name=value`, the value as JSON or as a word."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, separator, text = str(value).partition("=")
        if not separator or not name.isidentifier():
            self.fail(f"{value!r} assigns nothing. Write name=value, such as architecture__dropout=0.1.", param, ctx)
        return name, parsed_value(text)
