"""How annotations are checked when the tests run: as a static checker reads them."""

import io
import typing

from beartype import BeartypeConf, FrozenDict, beartype

__all__ = ["checked"]

# An int may stand for a float, and a BytesIO for a binary file, though it lacks the `name` and `mode` of one on disk.
_binary_files = FrozenDict({typing.BinaryIO: typing.BinaryIO | io.BufferedIOBase})
checked = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=_binary_files))
