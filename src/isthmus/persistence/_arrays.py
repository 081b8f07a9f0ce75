import reprlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from isthmus._types import Tree
from isthmus.errors import FileFormatError

__all__ = ["fill", "named_arrays"]

_SCALARS: dict[type, type[np.generic]] = {bool: np.bool_, int: np.int64, float: np.float64}


def named_arrays(tree: Tree, prefix: str = "") -> dict[str, np.ndarray]:
    """Every leaf of a PyTree by its path, such as "weights.encoder.layers.0.weight".

    Steps are joined with dots; a dot in a dict's key is written "%2E" (and "%" as "%25"), so that two leaves never share a name.

    Args:
        tree: a PyTree of arrays and Python numbers; None is no leaf.
        prefix: the first step of every name; "" for none.

    Raises:
        FileFormatError: a leaf is no array, or two leaves have one name.

    Example:
        >>> list(named_arrays({"encoder": (np.zeros(2), np.ones(3))}, "weights"))
        ['weights.encoder.0', 'weights.encoder.1']
    """
    leaves, _ = _named_leaves(tree, prefix)
    return {name: np.asarray(leaf, _form(leaf, name)[1]) for name, leaf in leaves.items()}


def fill(template: Tree, arrays: Mapping[str, np.ndarray], prefix: str = "") -> Tree:
    """The tree of `template`'s structure that holds `arrays`, as `named_arrays` named them.

    Args:
        template: a PyTree of arrays, or of `jax.ShapeDtypeStruct`, and Python numbers, which give shapes and types.
        arrays: by name; those whose name does not begin with `prefix` and a dot are somebody else's.
        prefix: as it was given to `named_arrays`; with "" every array must have its place.

    Returns:
        The tree, with NumPy arrays for arrays and Python numbers for Python numbers.

    Raises:
        FileFormatError: an array is missing, has no place, or has another shape or type than the template's.

    Example:
        >>> fill({"bias": np.zeros(2)}, {"weights.bias": np.array([1.0, 2.0])}, "weights")
        {'bias': array([1., 2.])}
    """
    expected, treedef = _named_leaves(template, prefix)
    mine = {name for name in arrays if not prefix or name == prefix or name.startswith(f"{prefix}.")}
    if mine != set(expected):
        missing, unknown = sorted(set(expected) - mine), sorted(mine - set(expected))
        raise FileFormatError(
            f"The file's arrays are not those of the model that it describes: missing are {missing}, and no place is there for {unknown}. "
            "Load it with the version of Isthmus, and of your own parts, that wrote it: `isthmus info` says which."
        )
    return jax.tree_util.tree_unflatten(treedef, [_fitting(arrays[name], leaf, name) for name, leaf in expected.items()])


def _fitting(array: np.ndarray, leaf: Any, name: str) -> Any:
    shape, dtype = _form(leaf, name)
    if array.shape != shape or array.dtype != dtype:
        raise FileFormatError(
            f"The file's array {name!r} has shape {array.shape} and type {array.dtype}; the model that it describes "
            f"wants shape {shape} and type {dtype}. Load it with the version of Isthmus, and of your own parts, that wrote it: "
            "`isthmus info` says which."
        )
    if type(leaf) in _SCALARS:
        return array.item()
    return array[()] if isinstance(leaf, np.generic) else array


def _form(leaf: Any, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and the type of a leaf of a tree of arrays."""
    if type(leaf) in _SCALARS:
        return (), np.dtype(_SCALARS[type(leaf)])
    dtype = getattr(leaf, "dtype", None)
    if isinstance(dtype, np.dtype) and hasattr(leaf, "shape"):
        return tuple(leaf.shape), dtype.newbyteorder("=")
    raise FileFormatError(
        f"The leaf {name!r} is {reprlib.repr(leaf)}, which is no array. A model file holds arrays and Python numbers: make it "
        "a static field, or, if it is a random key, save its `jax.random.key_data`."
    )


def _named_leaves(tree: Tree, prefix: str) -> tuple[dict[str, Any], Any]:
    """The leaves by name, in order, and the structure around them."""
    paths, treedef = jax.tree_util.tree_flatten_with_path(tree)
    leaves: dict[str, Any] = {}
    for path, leaf in paths:
        name = _name(path, prefix)
        if name in leaves:
            raise FileFormatError(
                f"Two leaves of the tree are called {name!r}. Names must differ: give the keys of their nodes other names."
            )
        leaves[name] = leaf
    return leaves, treedef


def _name(path: tuple[Any, ...], prefix: str) -> str:
    steps = [_step(entry).replace("%", "%25").replace(".", "%2E") for entry in path]
    return ".".join([prefix, *steps] if prefix else steps)


def _step(entry: Any) -> str:
    for attribute in ("name", "key", "idx"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)
