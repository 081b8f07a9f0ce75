"""A model is one file: written whole or not at all, read only when every byte is as it was written."""

import datetime as dt
import hashlib
import json
import math
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import isthmus
from isthmus.errors import FileFormatError
from isthmus.losses import AbstractLoss, SquaredError
from isthmus.optimizers import Adam, Constant
from isthmus.persistence import FORMAT, Bundle, read_bundle, read_header, write_bundle

KINDS = ("autoencoder", "gaussian_mixture")


class Weighted(AbstractLoss):
    """A part of a user's own."""

    factor: float = 2.0

    def __call__(self, weights, outputs, x):
        return self.factor * SquaredError()(weights, outputs, x)

    def mean(self, outputs):
        return outputs


def example() -> Bundle:
    rng = np.random.default_rng(0)
    return Bundle(
        kind="autoencoder",
        parameters={"latent_dim": 2, "hidden_dims": (8, 4), "optimizer": Adam(0.1, clip_norm=2.0), "loss": "squared_error", "tol": None},
        fitted={"history": {"loss": [0.1, math.nan, math.inf, -0.0]}, "n_features_in_": 3, "feature_names_in_": ["ä", "b\n", ""]},
        arrays={
            "weights.0": rng.normal(size=(3, 2)).astype(np.float32),
            "weights.1": np.asfortranarray(rng.normal(size=(4, 3))),
            "weights.strided": np.arange(12, dtype=np.int32)[::3],
            "weights.swapped": np.arange(3, dtype=">f8"),
            "state.empty": np.zeros((0, 5), np.uint8),
            "state.scalar": np.asarray(3.5, np.float32),
            "state.half": np.asarray(jnp.asarray([1.5, -2.0], jnp.bfloat16)),
            "state.flag": np.asarray([True, False]),
        },
    )


def same(left: Bundle, right: Bundle) -> bool:
    if (left.kind, repr(left.parameters), repr(left.fitted)) != (right.kind, repr(right.parameters), repr(right.fitted)):
        return False
    return set(left.arrays) == set(right.arrays) and all(
        array.shape == right.arrays[name].shape
        and array.dtype.name == right.arrays[name].dtype.name
        and np.array_equal(array, right.arrays[name], equal_nan=array.dtype.kind == "f")
        for name, array in left.arrays.items()
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.isthmus"
    write_bundle(path, example())
    return path


def document_of(path: Path) -> dict:
    with safetensors.safe_open(path, framework="np") as file:
        return json.loads(file.metadata()["isthmus"])


def forge(path: Path, text: str | dict, arrays: dict | None = None, **metadata: str) -> None:
    """Write a file whose text stands under a right checksum, whatever the text says."""
    arrays = safetensors.numpy.load_file(path) if arrays is None else arrays
    text = text if isinstance(text, str) else json.dumps(text)
    metadata = {"isthmus": text, "sha256": hashlib.sha256(text.encode()).hexdigest(), **metadata}
    path.write_bytes(safetensors.numpy.save(arrays, metadata))


def refused(path: Path, message: str, read=lambda path: read_bundle(path, kinds=KINDS)) -> None:
    with pytest.raises(FileFormatError, match=f"(?s)^{re.escape(repr(str(path)))} {re.escape(message)}"):
        read(path)


def test_a_bundle_comes_back_bit_for_bit(path):
    bundle = read_bundle(path, kinds=KINDS)
    assert same(bundle, example())
    for name, array in bundle.arrays.items():
        assert array.tobytes() == np.asarray(example().arrays[name], array.dtype).tobytes()
        assert array.dtype.isnative
        assert array.flags.c_contiguous
        assert array.flags.writeable


@given(
    arrays=st.dictionaries(
        st.text().filter(lambda name: name != "__metadata__"),
        hnp.arrays(st.sampled_from(["f2", "f4", "f8", "u1", "i8", "b1"]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)),
        max_size=4,
    ),
    history=st.dictionaries(st.text(), st.lists(st.floats())),
)
def test_any_history_and_any_arrays_come_back(tmp_path_factory, arrays, history):
    path = tmp_path_factory.mktemp("any") / "model.isthmus"
    bundle = Bundle("autoencoder", {}, {"history": history}, arrays)
    write_bundle(path, bundle)
    assert same(read_bundle(path, kinds=KINDS), bundle)


def test_an_empty_model_comes_back(tmp_path):
    bundle = Bundle("gaussian_mixture", {}, {}, {})
    write_bundle(tmp_path / "empty", bundle)
    assert same(read_bundle(tmp_path / "empty", kinds=KINDS), bundle)


def test_other_programs_read_the_arrays(path):
    arrays = safetensors.numpy.load_file(path)
    assert same(Bundle("", {}, {}, arrays), Bundle("", {}, {}, example().arrays))


def test_a_header_tells_what_the_file_holds(path):
    header = read_header(path)
    assert (header.format, header.kind) == (FORMAT, "autoencoder")
    assert dt.datetime.fromisoformat(header.created).tzinfo == dt.UTC
    assert header.versions["jax"] == version("jax")
    assert header.versions["numpy"] == np.__version__
    assert header.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(header.versions) == {"isthmus", "jax", "numpy", "python"}
    assert header.parameters["hidden_dims"] == (8, 4)
    assert header.parameters["optimizer"]["part"] == "optimizers.adam"
    assert header.parameters["optimizer"]["fields"]["learning_rate"] == 0.1
    assert repr(header.fitted) == repr(example().fitted)
    assert header.arrays == {name: (array.dtype.name, array.shape) for name, array in example().arrays.items()}


def test_a_header_is_read_without_jax_and_without_the_parts_of_the_user(tmp_path):
    path = tmp_path / "model.isthmus"
    write_bundle(path, Bundle("autoencoder", {"loss": Weighted()}, {}, {"half": example().arrays["state.half"]}))
    script = (
        "import sys\nfrom isthmus.persistence import read_header\nheader = read_header(sys.argv[1])\n"
        "assert header.parameters['loss']['part'] == 'Weighted', header\n"
        "heavy = {'jax', 'equinox', 'optax', 'sklearn', 'scipy'} & set(sys.modules)\nassert not heavy, heavy\nprint(header.kind)"
    )
    source = str(Path(isthmus.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-c", script, str(path)], env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "autoencoder\n"), result.stderr


def test_a_users_own_part_comes_back_through_parts(tmp_path):
    path = tmp_path / "model.isthmus"
    bundle = Bundle("autoencoder", {"losses": (Weighted(3.0), Constant())}, {}, {})
    write_bundle(path, bundle)
    assert read_bundle(path, [Weighted], kinds=KINDS).parameters == bundle.parameters
    with pytest.raises(FileFormatError, match=re.escape("`parameters.losses[0]` is a part of the user's own, 'Weighted'")):
        read_bundle(path, kinds=KINDS)


def test_a_path_may_be_a_string(tmp_path):
    write_bundle(str(tmp_path / "model"), example())
    assert read_header(str(tmp_path / "model")).kind == "autoencoder"
    assert same(read_bundle(str(tmp_path / "model"), kinds=KINDS), example())


@pytest.mark.parametrize("part", ["header", "metadata", "arrays"])
def test_no_flipped_bit_goes_unnoticed(path, part):
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    metadata = whole.index(b'"isthmus"'), whole.index(b"}}", whole.index(b'"isthmus"')) + 2
    places = {"header": [*range(metadata[0]), *range(metadata[1], end)], "metadata": range(*metadata), "arrays": range(end, len(whole))}
    rng = np.random.default_rng(0)
    for place in rng.choice(list(places[part]), size=150, replace=False) if len(places[part]) > 150 else places[part]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError):
            read_bundle(path, kinds=KINDS)


def test_no_changed_byte_goes_unnoticed_unless_it_changes_nothing(path):
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    refusals = 0
    for place in rng.integers(len(whole), size=300):
        damaged = bytearray(whole)
        damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            assert same(read_bundle(path, kinds=KINDS), example())
        except FileFormatError:
            refusals += 1
    assert refusals > 250


def test_a_file_that_is_cut_short_or_too_long_is_refused(path):
    whole = path.read_bytes()
    for changed in [*(whole[:length] for length in range(0, len(whole), 37)), whole[:-1], whole + b"\0", whole + whole]:
        path.write_bytes(changed)
        for read in (lambda path: read_bundle(path, kinds=KINDS), read_header):
            refused(path, "cannot be read as a safetensors file: ", read)


@pytest.mark.parametrize("content", [b"a,b\n1,2\n" * 50, b"\x80\x04\x95" + b"pickle" * 50, b"PK\x03\x04" * 50, b"", b"\0" * 100])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    refused(path, "cannot be read as a safetensors file: ")
    with pytest.raises(FileFormatError, match="Name such a file; if it was one, copy it again, for it is damaged or cut short"):
        read_header(path)


def test_arrays_of_another_library_are_refused(tmp_path):
    path = tmp_path / "file"
    for metadata, found in [(None, "[]"), ({"format": "pt"}, "['format']"), ({"isthmus": "{}"}, "['isthmus']")]:
        safetensors.numpy.save_file({"a": np.ones(2)}, path, metadata)
        refused(path, f"is a safetensors file without Isthmus's metadata: it has {found}, a model has 'isthmus' and 'sha256'. Load")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for read in (lambda path: read_bundle(path, kinds=KINDS), read_header):
        with pytest.raises(FileNotFoundError, match="absent"):
            read(tmp_path / "absent")
        with pytest.raises(IsADirectoryError, match=r"is a folder\. A model is one file: name it"):
            read(tmp_path)


@pytest.mark.parametrize("number", [FORMAT + 1, 0, -1, True, 1.0, "1", None])
def test_a_format_that_is_not_known_is_refused(path, number):
    forge(path, {**document_of(path), "format": number, "invention": 1})
    for read in (lambda path: read_bundle(path, kinds=KINDS), read_header):
        refused(path, f"has the format {number!r}. Isthmus ", read)
    with pytest.raises(FileFormatError, match=f"reads the formats 1 to {FORMAT}.*pip install --upgrade isthmus"):
        read_header(path)


def test_a_kind_that_the_caller_does_not_make_is_refused(path):
    forge(path, {**document_of(path), "kind": "transformer"})
    refused(path, "holds a 'transformer'. Allowed here: autoencoder, gaussian_mixture. Load it with `isthmus.load`")
    assert read_header(path).kind == "transformer"


@pytest.mark.parametrize(
    "change",
    [
        {"invention": 1},
        {"kind": None},
        {"kind": ["autoencoder"]},
        {"parameters": []},
        {"fitted": None},
        {"versions": "1"},
        {"created": 0},
        {"arrays": {}},
        {"kind": ...},
        {"arrays": ...},
    ],
    ids=repr,
)
def test_unknown_missing_and_wrong_keys_are_refused(path, change):
    forge(path, {key: value for key, value in {**document_of(path), **change}.items() if value is not ...})
    for read in (lambda path: read_bundle(path, kinds=KINDS), read_header):
        refused(path, f"is not as Isthmus writes a model: of its keys {sorted(change)} are missing, of a wrong type or too many", read)


def test_metadata_of_somebody_elses_is_refused(path):
    forge(path, document_of(path), author="somebody")
    refused(path, "is not as Isthmus writes a model: of its keys ['author'] are missing, of a wrong type or too many; known are format, ")


@pytest.mark.parametrize(
    "text", ["", "no JSON", '{"format": 1', '{"format": NaN}', '{"format": 1, "format": 1}', "[" * 100_000], ids=lambda text: text[:10]
)
def test_metadata_that_is_not_strict_json_is_refused(path, text):
    forge(path, text)
    refused(path, "is not as Isthmus writes a model: its metadata is not JSON (")


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"'])
def test_metadata_that_is_no_object_is_refused(path, text):
    forge(path, text)
    refused(path, "has the format None.")


def outcome(read, path):
    try:
        read(path)
    except FileFormatError as error:
        return str(error)
    return "read"


@pytest.mark.parametrize("key", ["parameters", "fitted"])
def test_metadata_that_is_nested_too_deeply_is_refused(path, key):
    # Which depth is too much, and whether the JSON parser or we find it so, depends on the version of Python.
    text = json.dumps({**document_of(path), key: {"deep": "HERE"}})
    for levels, answers in [
        (50, "^read$"),
        (600, "^read$|nested too deeply"),
        (2_000, "nested too deeply"),
        (100_000, "nested too deeply"),
    ]:
        forge(path, text.replace('"HERE"', "[" * levels + "]" * levels), {})
        assert re.search(answers, outcome(read_header, path))
        assert re.search(answers.replace("^read$", "its arrays are not"), outcome(lambda path: read_bundle(path, kinds=KINDS), path))


def test_metadata_that_was_changed_is_refused(path):
    text = json.dumps({**document_of(path), "kind": "gaussian_mixture"})
    forge(path, text, sha256="0" * 64)
    for read in (lambda path: read_bundle(path, kinds=KINDS), read_header):
        refused(path, "is not as Isthmus writes a model: its metadata is not what was saved. Copy the file again", read)


@pytest.mark.parametrize(
    "change",
    [
        {"weights.0": np.ones((3, 2), np.float32)},
        {"weights.0": example().arrays["weights.0"].reshape(2, 3)},
        {"weights.0": example().arrays["weights.0"].view(np.int32)},
        {"weights.new": np.ones(2)},
        {"weights.0": None},
        {"weights.0": None, "weights.renamed": example().arrays["weights.0"]},
    ],
    ids=["values", "shape", "type", "added", "removed", "renamed"],
)
def test_arrays_that_were_changed_are_refused(path, change):
    arrays = {**safetensors.numpy.load_file(path), **change}
    forge(path, document_of(path), {name: array for name, array in arrays.items() if array is not None})
    refused(path, "is not as Isthmus writes a model: its arrays are not those that were saved. Copy the file again")


def test_an_array_of_a_type_that_isthmus_does_not_write_is_refused(path):
    header = {"__metadata__": {}, "a": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}
    with safetensors.safe_open(path, framework="np") as file:
        header["__metadata__"] = file.metadata()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0")
    refused(path, "is not as Isthmus writes a model: its array 'a' has the type 'F8_E4M3', which is none of BOOL, U8, ")


def test_a_file_that_names_a_function_runs_nothing(path, monkeypatch):
    def run(*args):
        raise AssertionError(f"ran {args}")

    monkeypatch.setattr(os, "system", run)
    document = document_of(path)
    for part in [
        {"part": "os.system", "fields": {"command": "true"}},
        {"part": "system", "module": "os", "fields": {"command": "true"}},
        {"part": "losses.__import__", "fields": {}},
    ]:
        forge(path, {**document, "parameters": {"loss": part}})
        with pytest.raises(FileFormatError, match=r"`parameters\.loss` is "):
            read_bundle(path, kinds=KINDS)
        assert read_header(path).parameters["loss"] == part


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a", np.zeros(2, complex)),
        ("a", np.array(["text"])),
        ("a", np.array([None])),
        ("a", np.zeros(1, "M8[s]")),
        ("__metadata__", np.zeros(2)),
    ],
    ids=["complex", "text", "object", "date", "metadata"],
)
def test_an_array_that_a_file_cannot_hold_is_refused_and_nothing_is_written(tmp_path, name, array):
    message = f"The array {name!r} of type {array.dtype} cannot be saved. A model file holds bool, uint8, "
    with pytest.raises(FileFormatError, match=f"^{re.escape(message)}"):
        write_bundle(tmp_path / "model", Bundle("autoencoder", {}, {}, {name: array}))
    assert not list(tmp_path.iterdir())


def test_a_parameter_that_a_file_cannot_hold_is_named(tmp_path):
    with pytest.raises(FileFormatError, match=re.escape("`parameters.callbacks[0]` cannot be saved: <built-in function print>")):
        write_bundle(tmp_path / "model", Bundle("autoencoder", {"callbacks": [print]}, {}, {}))
    with pytest.raises(FileFormatError, match=re.escape("`fitted.history_` cannot be saved: array([0., 0.]) is a ndarray.")):
        write_bundle(tmp_path / "model", Bundle("autoencoder", {}, {"history_": np.zeros(2)}, {}))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(repr(str(tmp_path / "absent")))):
        write_bundle(tmp_path / "absent" / "model.isthmus", example())


@pytest.mark.parametrize("step", ["safetensors.numpy.save", "os.fsync", "os.replace"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["disk", "interrupt"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path, monkeypatch, step, error):
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(step, fail)
        with pytest.raises(type(error)):
            write_bundle(path, Bundle("autoencoder", {}, {}, {}))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    write_bundle(path, Bundle("autoencoder", {}, {}, {}))
    assert not read_bundle(path, kinds=KINDS).arrays


def test_the_package_exports_what_it_lists():
    from isthmus import persistence

    assert set(persistence.__all__) == set(dir(persistence)) == set(persistence._FILES)
    assert all(getattr(persistence, name) is not None for name in persistence.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = persistence.nonsense
