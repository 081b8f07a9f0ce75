"""Trees of arrays become arrays by name, and come back into a tree of the same structure only."""

import re
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.errors import FileFormatError
from isthmus.optimizers import Adam
from isthmus.persistence import fill, named_arrays


class Layer(eqx.Module):
    weight: Any
    bias: Any = None
    width: int = eqx.field(static=True, default=3)


class Network(NamedTuple):
    layers: tuple[Layer, ...]
    scale: Any = ()


def example() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "encoder": Network((Layer(rng.normal(size=(3, 4)), np.float32(2.5)), Layer(jnp.arange(3, dtype=jnp.int32))), (np.zeros((0, 2)),)),
        "optimizer": Adam(0.125),
        "count": 7,
        "best": True,
        "table": {2: np.uint8([1, 2]), 10: np.asarray(1.5)},
        "none": None,
    }


def same(left: Any, right: Any) -> None:
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.asarray(a).shape == np.asarray(b).shape
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_a_name_is_the_path_that_reads_the_leaf():
    names = list(named_arrays(example(), "weights"))
    optimizer = [f"weights.optimizer.{field}" for field in ("learning_rate", "encoder_rate", "decoder_rate", "beta1", "beta2", "epsilon")]
    assert names == [
        "weights.best",
        "weights.count",
        "weights.encoder.layers.0.weight",
        "weights.encoder.layers.0.bias",
        "weights.encoder.layers.1.weight",
        "weights.encoder.scale.0",
        *optimizer,
        "weights.table.2",
        "weights.table.10",
    ]


@pytest.mark.parametrize("prefix", ["", "weights", "a.b"])
def test_a_tree_comes_back_bit_for_bit(prefix):
    tree = example()
    template = jax.tree.map(lambda leaf: leaf * 0, tree)
    template["best"] = False
    copy = fill(template, named_arrays(tree, prefix), prefix)
    same(copy, tree)
    assert copy["optimizer"] == tree["optimizer"]
    assert (type(copy["count"]), type(copy["best"])) == (int, bool)
    assert copy["encoder"].layers[1].width == 3


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
def test_every_shape_and_type_comes_back(shape, dtype):
    array = np.asarray(jnp.zeros(shape, "bfloat16")) if dtype == "bfloat16" else np.zeros(shape, dtype)
    copy = fill([jax.ShapeDtypeStruct(shape, array.dtype)], named_arrays([array]))
    same(copy, [array])


@given(hnp.arrays(st.sampled_from(["f4", "f8", "u1", ">f4", "<i4"]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_any_array_comes_back_in_the_machines_byte_order(array):
    (copy,) = fill([array], named_arrays([array]))
    assert copy.dtype == array.dtype.newbyteorder("=")
    assert copy.dtype.isnative
    np.testing.assert_array_equal(copy, array)


KEYS = st.text(alphabet="ab.%25E", max_size=5)
TREES = st.recursive(st.just(1.0), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)


@settings(max_examples=300)
@given(TREES, st.sampled_from(["", "weights"]))
def test_no_two_leaves_share_a_name(tree, prefix):
    leaves = jax.tree.leaves(tree)
    numbered = jax.tree.unflatten(jax.tree.structure(tree), list(range(len(leaves))))
    assert fill(numbered, named_arrays(numbered, prefix), prefix) == numbered
    assert len(named_arrays(tree, prefix)) == len(leaves)


def test_a_lone_array_has_the_prefix_as_its_name():
    assert list(named_arrays(np.ones(2), "weights")) == ["weights"]
    np.testing.assert_array_equal(fill(np.zeros(2), {"weights": np.ones(2)}, "weights"), np.ones(2))


def test_several_trees_live_in_one_dict_of_arrays():
    arrays = {**named_arrays({"a": 1}, "state"), **named_arrays({"a": 2}, "state2"), **named_arrays(3, "stat")}
    assert fill({"a": 0}, arrays, "state") == {"a": 1}
    assert fill({"a": 0}, arrays, "state2") == {"a": 2}
    assert fill(0, arrays, "stat") == 3


@jax.tree_util.register_pytree_with_keys_class
class Ambiguous:
    def tree_flatten_with_keys(self):
        return [(jax.tree_util.DictKey(key), 1.0) for key in (1, "1")], None

    def tree_flatten(self):
        return [1.0, 1.0], None

    @classmethod
    def tree_unflatten(cls, structure, leaves):
        return cls()


def test_two_leaves_of_one_name_are_refused():
    message = "Two leaves of the tree are called 'weights.1'. Names must differ: give the keys of their nodes other names."
    for call in (lambda: named_arrays(Ambiguous(), "weights"), lambda: fill(Ambiguous(), {}, "weights")):
        with pytest.raises(FileFormatError, match=f"^{re.escape(message)}$"):
            call()


@pytest.mark.parametrize("leaf", ["text", jax.nn.relu, 1j, jax.random.key(0), object()], ids=lambda leaf: type(leaf).__name__)
def test_a_leaf_that_is_no_array_is_refused(leaf):
    expected = re.escape("The leaf 'weights.activation' is ") + ".*" + re.escape("which is no array.") + ".*make it a static field"
    for call in (
        lambda: named_arrays({"activation": leaf}, "weights"),
        lambda: fill({"activation": leaf}, {"weights.activation": np.zeros(())}, "weights"),
    ):
        with pytest.raises(FileFormatError, match=f"(?s){expected}"):
            call()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights.a": None}, "missing are ['weights.a'], and no place is there for []."),
        ({"weights.c": np.ones(1)}, "missing are [], and no place is there for ['weights.c']."),
        ({"weights.a": None, "weights": np.ones(1)}, "missing are ['weights.a'], and no place is there for ['weights']."),
    ],
)
def test_arrays_must_be_those_of_the_template(changes, message):
    template = {"a": np.zeros((3, 2), np.float32), "b": np.zeros(2)}
    arrays = {name: array for name, array in {**named_arrays(template, "weights"), **changes}.items() if array is not None}
    expected = f"The file's arrays are not those of the model that it describes: {message} Load it with the version of Isthmus"
    with pytest.raises(FileFormatError, match=f"^{re.escape(expected)}"):
        fill(template, arrays, "weights")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3), np.float32),
        np.zeros(6, np.float32),
        np.zeros((3, 2), np.float64),
        np.zeros((3, 2, 1), np.float32),
        np.zeros((3, 2), "i4"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_of_another_shape_or_type_is_refused(array):
    message = (
        f"The file's array 'weights.a' has shape {array.shape} and type {array.dtype}; the model that it describes wants shape (3, 2) "
        "and type float32. Load it with the version of Isthmus"
    )
    with pytest.raises(FileFormatError, match=f"^{re.escape(message)}"):
        fill({"a": np.zeros((3, 2), np.float32)}, {"weights.a": array}, "weights")


def test_a_python_number_takes_a_number_of_its_type_only():
    with pytest.raises(FileFormatError, match="wants shape \\(\\) and type int64"):
        fill({"a": 1}, {"a": np.asarray(1.0)})


def test_without_a_prefix_every_array_must_have_its_place():
    with pytest.raises(FileFormatError, match=re.escape("no place is there for ['other.x']")):
        fill({"a": 1}, {"a": np.asarray(1), "other.x": np.asarray(1)})
