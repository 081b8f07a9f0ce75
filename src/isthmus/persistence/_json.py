"""Python values as strict JSON and back, exactly.

JSON has no tuple, no infinity and no NaN, and a dict of the user's may look like one of our own marks; hence

```
(1, 2)          {"tuple": [1, 2]}
inf             {"float": "inf"}
{"tuple": 0}    {"dict": {"tuple": 0}}
a part          {"part": ..., "fields": {...}}, written and read by `_config.py`
```

Finite floats are written with `repr`, which gives the shortest digits that read back as the same number.
"""

import json
import math
import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np

from isthmus.errors import FileFormatError

__all__ = ["decode", "dumps", "encode", "loads", "refuse"]

_MARKS = {"dict", "float", "part", "tuple"}
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def encode(value: Any, name: str, other: Callable[[Any, str], Any]) -> Any:
    """`value` as JSON values; what is none, nor a container of them, goes to `other(value, name)`.

    Args:
        value: the value; NumPy scalars become the Python numbers that they equal.
        name: what to call it in an error.
        other: encodes every value of another type, or refuses it.
    """
    if _is_numpy_scalar(value):
        value = value.item()
    # By exact type: a subclass (a named tuple, an enumeration) would come back as something else.
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if type(value) in (list, tuple):
        items = [encode(item, f"{name}[{i}]", other) for i, item in enumerate(value)]
        return items if type(value) is list else {"tuple": items}
    if type(value) is dict and all(type(key) is str for key in value):
        items = {key: encode(item, f"{name}.{key}", other) for key, item in value.items()}
        return items if _MARKS.isdisjoint(items) else {"dict": items}
    return other(value, name)


def _is_numpy_scalar(value: Any) -> bool:
    # Not every one: a date would lose its unit, and what is wider than a Python float its last digits.
    return isinstance(value, np.generic) and (value.dtype.kind in "biuU" or value.dtype.name in ("float16", "float32", "float64"))


def refuse(value: Any, name: str) -> Any:
    """The end of the line for a value that no file can hold."""
    raise FileFormatError(
        f"`{name}` cannot be saved: {reprlib.repr(value)} is a {type(value).__qualname__}. A model file holds numbers, strings, True, "
        "False, None, parts, and lists, tuples and dicts (with strings as keys) of them. Set it to one of these before saving."
    )


def decode(value: Any, name: str, part: Callable[[dict[str, Any], str], Any]) -> Any:
    """The value that `encode` wrote; `part(value, name)` makes what carries the mark "part"."""
    if isinstance(value, list):
        return [decode(item, f"{name}[{i}]", part) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "part" in value:
        return part(value, name)
    if _MARKS.isdisjoint(value):
        return {key: decode(item, f"{name}.{key}", part) for key, item in value.items()}
    mark, content = next(iter(value.items()))
    if len(value) == 1:
        if mark == "float" and isinstance(content, str) and content in _NOT_FINITE:
            return _NOT_FINITE[content]
        if mark == "tuple" and isinstance(content, list):
            return tuple(decode(content, name, part))
        if mark == "dict" and isinstance(content, dict):
            return {key: decode(item, f"{name}.{key}", part) for key, item in content.items()}
    raise FileFormatError(
        f"`{name}` is {reprlib.repr(value)}, which is no value that Isthmus writes. A marked value is one of "
        '{"float": "inf", "-inf" or "nan"}, {"tuple": [...]}, {"dict": {...}} and {"part": ..., "fields": {...}}. '
        "Save the model again."
    )


def dumps(value: Any) -> str:
    """`value` as one line of JSON in ASCII."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def loads(text: str) -> Any:
    """The JSON values of `text`; `ValueError` for anything that strict JSON forbids, and for a key given twice."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key is given twice")
    return values
