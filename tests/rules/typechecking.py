"""How annotations are checked when the tests run: as a static checker reads them."""

import io
import typing
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, FrozenDict, beartype

__all__ = ["checked"]

# An int may stand for a float, and a BytesIO for a binary file, though it lacks the `name` and `mode` of one on disk.
_binary_files = FrozenDict({typing.BinaryIO: typing.BinaryIO | io.BufferedIOBase})
_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=_binary_files))


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with its arguments and result compared with their annotations.

    Constructors are left alone. They are the doors at which users are told what is wrong, and a part converts what it is given
    there: a name stands for another part, a list for a tuple.
    """
    return function if function.__qualname__.endswith(".__init__") else _beartype(function)
