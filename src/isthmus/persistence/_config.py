import importlib
import inspect
from collections.abc import Iterable
from typing import Any

from isthmus._component import Component, fields_of, part_name
from isthmus.errors import FileFormatError, PartError

from ._json import decode, encode, refuse

__all__ = ["from_config", "to_config"]

# Where the parts are that a file may name. Written here, so that nothing in a file decides what is imported.
_PLACES = (
    "architectures",
    "bottlenecks",
    "corruptions",
    "data",
    "initializers",
    "losses",
    "model",
    "optimizers",
    "pretraining",
    "priors",
    "regularizers",
)


def to_config(value: Any, *, name: str = "value") -> Any:
    """A part, or any value made of parts and JSON values, as strict JSON values.

    One of the library's parts becomes ``{"part": "losses.huber", "fields": {...}}``; a user's own also tells its module, for the
    reader of an error to find it. All fields are written, those at their default too: a default may change, a saved model not.

    Args:
        value: a part, a number, a string, a boolean, None, or a list, tuple or dict of them; NumPy scalars count as numbers.
        name: what to call the value in an error.

    Raises:
        FileFormatError: something in `value` cannot be saved.

    Example:
        >>> from isthmus.priors import StandardNormal
        >>> to_config({"prior": StandardNormal(), "hidden_dims": (8, 4)})
        {'prior': {'part': 'priors.standard_normal', 'fields': {}}, 'hidden_dims': {'tuple': [8, 4]}}
    """
    return encode(value, name, _part_config)


def from_config(config: Any, parts: Iterable[type] = (), *, name: str = "value") -> Any:
    """The value that `to_config` wrote.

    Nothing is imported or run for a name in `config`: the library's parts are looked up in its folders, a user's own among
    `parts`. Values are checked as when a user builds the part.

    Args:
        config: JSON values.
        parts: the classes of the user's own parts.
        name: what to call the value in an error.

    Raises:
        FileFormatError: a part is unknown, its fields are not those of its class, or their values are not allowed.
        PartError: `parts` holds something else than classes of parts.

    Example:
        >>> from_config({"part": "optimizers.constant", "fields": {}})
        Constant()
    """
    given = _checked_parts(parts)
    return decode(config, name, lambda part, where: _part(part, where, given))


def _part_config(value: Any, name: str) -> Any:
    if not isinstance(value, Component):
        return refuse(value, name)
    cls = type(value)
    place = _place(cls)
    head = {"part": f"{place}.{part_name(cls)}"} if place else {"part": cls.__name__, "module": cls.__module__}
    return {**head, "fields": {field.name: _field_config(getattr(value, field.name), f"{name}.{field.name}") for field in fields_of(cls)}}


def _field_config(value: Any, name: str) -> Any:
    # A plain list, for a field holds no list of its own: what was a tuple is known without a mark.
    if isinstance(value, tuple):
        return [_field_config(item, f"{name}[{i}]") for i, item in enumerate(value)]
    return encode(value, name, _part_config)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _part(config: dict[str, Any], name: str, given: tuple[type[Component], ...]) -> Component:
    shape = {"part": str, "module": str, "fields": dict}
    wrong = (set(config) - set(shape)) | {key for key, kind in shape.items() if not isinstance(config.get(key, kind()), kind)}
    if wrong or "fields" not in config:
        found = ", ".join(f"{key!r}: {type(value).__name__}" for key, value in config.items())
        raise FileFormatError(
            f"`{name}` is not a part as Isthmus writes it: it has {{{found}}}. A part has 'part', a string, 'fields', a dict, and, when "
            "it is a user's own, 'module', a string. Save the model again."
        )
    cls = _given_class(config["part"], config["module"], name, given) if "module" in config else _own_class(config["part"], name)
    decoded = {
        key: decode(value, f"{name}.{key}", lambda part, where: _part(part, where, given)) for key, value in config["fields"].items()
    }
    fields = {key: _tuples(value) for key, value in decoded.items()}
    expected = {field.name for field in fields_of(cls)}
    # A field that the part had not yet when the file was written: its default means what the part did before.
    optional = {name for name in expected if inspect.signature(cls).parameters[name].default is not inspect.Parameter.empty}
    if not expected - optional <= set(fields) <= expected:
        unknown, missing = sorted(set(fields) - expected), sorted(expected - set(fields))
        raise FileFormatError(
            f"`{name}`, a {config['part']!r}, has the unknown fields {unknown} and lacks the fields {missing}. Its class "
            f"`{cls.__name__}` has: {', '.join(sorted(expected)) or 'none'}. Load the file with the version of the class that wrote it."
        )
    try:
        return cls(**fields)
    except PartError as error:
        raise FileFormatError(f"`{name}`, a {config['part']!r}, has a value that its class does not allow: {error}") from error


def _registry(place: str) -> dict[str, type[Component]]:
    """The parts that a folder or file of the library exports, by name."""
    module = importlib.import_module(f"isthmus.{place}")
    exported = [getattr(module, name) for name in module.__all__ if not name.startswith("Abstract")]
    return {part_name(part): part for part in exported if isinstance(part, type) and issubclass(part, Component)}


def _place(cls: type[Component]) -> str | None:
    """The folder or file that exports `cls`, or None for a user's own class."""
    package, _, rest = cls.__module__.partition(".")
    place = rest.partition(".")[0]
    if package == "isthmus" and place in _PLACES and _registry(place).get(part_name(cls)) is cls:
        return place
    return None


def _own_class(path: str, name: str) -> type[Component]:
    place, _, short = path.partition(".")
    known = _registry(place) if place in _PLACES else {}
    if short in known:
        return known[short]
    allowed = ", ".join(f"{place}.{part}" for part in sorted(known)) or ", ".join(f"{place}.*" for place in _PLACES)
    raise FileFormatError(
        f"`{name}` is the unknown part {path!r}. Known are: {allowed}. A newer version of Isthmus may have written the file: "
        "`isthmus info` says which; upgrade to it."
    )


def _given_class(short: str, module: str, name: str, given: tuple[type[Component], ...]) -> type[Component]:
    candidates = [cls for cls in given if cls.__name__ == short]
    if len(candidates) > 1:
        candidates = [cls for cls in candidates if cls.__module__ == module]
    if len(candidates) == 1:
        return candidates[0]
    known = ", ".join(f"{cls.__module__}.{cls.__qualname__}" for cls in given) or "none"
    raise FileFormatError(
        f"`{name}` is a part of the user's own, {short!r} of the module {module!r}. Given in `parts`: {known}. "
        "Pass its class, and no other of that name: `load(path, parts=[...])`."
    )


def _checked_parts(parts: Any) -> tuple[type[Component], ...]:
    if isinstance(parts, Iterable) and not isinstance(parts, type):
        given = tuple(parts)
        if all(isinstance(cls, type) and issubclass(cls, Component) for cls in given):
            return given
    raise PartError(f"`parts` must be a list of classes of parts; got {parts!r}. Write parts=[MyPart], with the class and not an object.")
