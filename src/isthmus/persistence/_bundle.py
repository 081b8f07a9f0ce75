"""One safetensors file for a model.

```
8 bytes, a JSON header of names, types, shapes and places, the arrays' bytes          (safetensors)
    __metadata__
        sha256      of the text that follows
        isthmus     JSON: format, kind, created, versions, parameters, fitted, arrays (sha256 of every array's name, type,
                    shape and bytes)
```

safetensors itself notices a header that is not JSON, and a file longer or shorter than its arrays; it does not notice another
value in an array or in the metadata. The two checksums do: whatever is flipped, cut or swapped, the file is refused.
"""

import contextlib
import dataclasses
import datetime as dt
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from isthmus._files import atomic_write
from isthmus.errors import FileFormatError

from ._json import decode, dumps, loads

__all__ = ["FORMAT", "Bundle", "Header", "read_bundle", "read_header", "write_bundle"]

FORMAT = 1
"""The number of the format that is written; lower ones are read for ever."""

# The types of arrays that are written, by safetensors' name for them.
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "BF16": "bfloat16",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}
_KEYS = {"format": int, "kind": str, "created": str, "versions": dict, "parameters": dict, "fitted": dict, "arrays": str}


@dataclasses.dataclass(frozen=True, eq=False)
class Bundle:
    """All that a file holds of a fitted estimator.

    Attributes:
        kind: which estimator, by the snake case of its class.
        parameters: its constructor's arguments: parts and JSON values.
        fitted: what `fit` has found, apart from arrays: JSON values, in which floats may be infinite or NaN.
        arrays: the rest of it, by name, as `named_arrays` gives them.

    Example:
        >>> Bundle("autoencoder", {"latent_dim": 2}, {"n_features_in_": 4}, {}).kind
        'autoencoder'
    """

    kind: str
    parameters: Mapping[str, Any]
    fitted: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        format: the number of its format.
        kind: which estimator.
        created: when it was written, in UTC, as ISO 8601 has it.
        versions: of isthmus, jax, numpy and python.
        parameters: the constructor's arguments; a part is a dict of its name and its fields.
        fitted: what `fit` has found, apart from arrays.
        arrays: the type and the shape of each array, by name.

    Example:
        >>> Header(1, "autoencoder", "2026-11-20T00:00:00+00:00", {}, {}, {}, {"weights.bias": ("float32", (2,))}).arrays
        {'weights.bias': ('float32', (2,))}
    """

    format: int
    kind: str
    created: str
    versions: Mapping[str, str]
    parameters: Mapping[str, Any]
    fitted: Mapping[str, Any]
    arrays: Mapping[str, tuple[str, tuple[int, ...]]]


def write_bundle(path: str | os.PathLike[str], bundle: Bundle) -> None:
    """Write a model as one file, at once or not at all.

    Args:
        path: where to; a file that is there is replaced when the new one is complete.
        bundle: what to write.

    Raises:
        FileFormatError: something in `bundle` cannot be saved; nothing is written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bundle(f"{folder}/model.isthmus", Bundle("autoencoder", {"hidden_dims": (8, 4)}, {}, {"bias": np.ones(2)}))
        ...     read_bundle(f"{folder}/model.isthmus", kinds=["autoencoder"]).parameters
        {'hidden_dims': (8, 4)}
    """
    # Only here and in `read_bundle`: parts import JAX, which `read_header` does without.
    from ._config import to_config

    arrays = {name: _storable(name, array) for name, array in bundle.arrays.items()}
    text = dumps(
        {
            "format": FORMAT,
            "kind": bundle.kind,
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "versions": {**{name: _version(name) for name in ("isthmus", "jax", "numpy")}, "python": platform.python_version()},
            "parameters": {key: to_config(value, name=f"parameters.{key}") for key, value in bundle.parameters.items()},
            "fitted": {key: to_config(value, name=f"fitted.{key}") for key, value in bundle.fitted.items()},
            "arrays": _arrays_digest(arrays),
        }
    )
    data = safetensors.numpy.save(arrays, {"isthmus": text, "sha256": _digest(text)})
    with atomic_write(path) as file:
        file.write(data)


def read_bundle(path: str | os.PathLike[str], parts: Iterable[type] = (), *, kinds: Collection[str]) -> Bundle:
    """The model that `write_bundle` wrote, every byte of it checked.

    Args:
        path: the file.
        parts: the classes of the user's own parts in it.
        kinds: the estimators that the caller can make of it.

    Raises:
        FileFormatError: the file is no model, is damaged, or holds something unknown.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bundle(f"{folder}/model.isthmus", Bundle("autoencoder", {}, {"loss": [float("inf")]}, {"bias": np.ones(2)}))
        ...     bundle = read_bundle(f"{folder}/model.isthmus", kinds=["autoencoder"])
        >>> bundle.fitted["loss"], bundle.arrays["bias"]
        ([inf], array([1., 1.]))
    """
    from ._config import from_config

    with _opened(path) as file:
        document = _document(file, path)
        if document["kind"] not in kinds:
            raise FileFormatError(
                f"{_shown(path)} holds a {document['kind']!r}. Allowed here: {', '.join(kinds)}. "
                "Load it with `isthmus.load`, in the version of Isthmus that wrote it or a newer one."
            )
        parameters = from_config({"dict": document["parameters"]}, parts, name="parameters")
        fitted = from_config({"dict": document["fitted"]}, parts, name="fitted")
        arrays = {name: file.get_tensor(name) for name in _forms(file, path)}
    if _arrays_digest(arrays) != document["arrays"]:
        raise _damaged(path, "its arrays are not those that were saved")
    return Bundle(document["kind"], parameters, fitted, arrays)


def read_header(path: str | os.PathLike[str]) -> Header:
    """What a file says of itself, without reading its arrays and without JAX.

    Args:
        path: the file.

    Raises:
        FileFormatError: the file is no model, or its metadata is damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bundle(f"{folder}/model.isthmus", Bundle("autoencoder", {}, {}, {"bias": np.ones(2, np.float32)}))
        ...     read_header(f"{folder}/model.isthmus").arrays
        {'bias': ('float32', (2,))}
    """
    with _opened(path) as file:
        document = _document(file, path)
        forms = _forms(file, path)
        plain = {key: decode({"dict": document[key]}, key, lambda part, _: part) for key in ("parameters", "fitted")}
    return Header(document["format"], document["kind"], document["created"], document["versions"], arrays=forms, **plain)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    if Path(path).is_dir():
        raise IsADirectoryError(f"{_shown(path)} is a folder. A model is one file: name it.")
    try:
        with safetensors.safe_open(path, framework="np") as file:
            yield file
    except safetensors.SafetensorError as error:
        raise FileFormatError(
            f"{_shown(path)} cannot be read as a safetensors file: {error}. A model is one whole safetensors file, as `save` writes it. "
            "Name such a file; if it was one, copy it again, for it is damaged or cut short."
        ) from error
    except RecursionError as error:
        raise _damaged(path, "its metadata is nested too deeply") from error


def _document(file: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata of an open file, checked but not decoded."""
    metadata = file.metadata() or {}
    if not {"isthmus", "sha256"} <= set(metadata):
        raise FileFormatError(
            f"{_shown(path)} is a safetensors file without Isthmus's metadata: it has {sorted(metadata)}, a model has 'isthmus' and "
            "'sha256'. Load the arrays of other libraries with `safetensors.numpy.load_file`."
        )
    if _digest(metadata["isthmus"]) != metadata["sha256"]:
        raise _damaged(path, "its metadata is not what was saved")
    try:
        document = loads(metadata["isthmus"])
    except ValueError as error:
        raise _damaged(path, f"its metadata is not JSON ({error})") from error
    number = document.get("format") if isinstance(document, dict) else None
    if type(number) is not int or not 1 <= number <= FORMAT:
        raise FileFormatError(
            f"{_shown(path)} has the format {number!r}. Isthmus {_version('isthmus')} reads the formats 1 to {FORMAT}. "
            "A newer version wrote the file: upgrade with `pip install --upgrade isthmus`."
        )
    wrong = (set(metadata) - {"isthmus", "sha256"}) | (set(document) ^ set(_KEYS))
    wrong |= {key for key, kind in _KEYS.items() if key in document and type(document[key]) is not kind}
    if wrong:
        raise _damaged(path, f"of its keys {sorted(wrong)} are missing, of a wrong type or too many; known are {', '.join(_KEYS)}")
    return document


def _forms(file: Any, path: str | os.PathLike[str]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The type and the shape of each array of an open file."""
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    for name, view in slices.items():
        if view.get_dtype() not in _DTYPES:
            raise _damaged(path, f"its array {name!r} has the type {view.get_dtype()!r}, which is none of {', '.join(_DTYPES)}")
    return {name: (_DTYPES[view.get_dtype()], tuple(view.get_shape())) for name, view in slices.items()}


def _storable(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.name not in _DTYPES.values() or name == "__metadata__":
        raise FileFormatError(
            f"The array {name!r} of type {array.dtype} cannot be saved. A model file holds {', '.join(_DTYPES.values())}, under any name "
            "but '__metadata__'. Convert it with `astype`, or rename it."
        )
    # safetensors copies `nbytes` from where the data begin, whatever the strides: only C order is written right.
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)


def _arrays_digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: str | os.PathLike[str], why: str) -> FileFormatError:
    return FileFormatError(f"{_shown(path)} is not as Isthmus writes a model: {why}. Copy the file again, or save the model again.")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from a source tree that is not installed


def _shown(path: str | os.PathLike[str]) -> str:
    return repr(os.fspath(path))
