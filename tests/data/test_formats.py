import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import PIL.Image
import polars as pl
import pytest

from isthmus.data import read_rows, write_rows
from isthmus.errors import DataError, MissingExtraError

NUMERIC = [bool, np.uint8, np.int64, np.float32, np.float64]


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".npy", ".npz"])
@pytest.mark.parametrize("dtype", NUMERIC)
def test_numbers_keep_their_type_and_value(tmp_path, suffix, dtype):
    values = np.random.default_rng(0).integers(0, 2, size=(5, 3)).astype(dtype)
    path = tmp_path / f"table{suffix}"
    write_rows(path, values, ["a", "b", "c"], row_names=None)
    found, names, _ = read_rows(path)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values)
    assert names == (None if suffix == ".npy" else ("a", "b", "c"))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_tables_flatten_images_and_number_their_columns(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    write_rows(path, np.arange(12.0).reshape(2, 2, 3))
    table = read_rows(path)
    np.testing.assert_array_equal(table.values, np.arange(12.0).reshape(2, 6))
    assert table.column_names == ("x0", "x1", "x2", "x3", "x4", "x5")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_keep_their_shape(tmp_path, suffix):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_rows(tmp_path / f"images{suffix}", values)
    np.testing.assert_array_equal(read_rows(tmp_path / f"images{suffix}").values, values)


def piped(stream):
    """The same bytes from a pipe, which cannot seek."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(stream.getvalue())
    return os.fdopen(reading, "rb")


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "npy", "npz"])
@pytest.mark.parametrize("source", [piped, lambda stream: stream])
def test_every_format_goes_through_a_stream(kind, source):
    values = np.arange(6.0).reshape(3, 2)
    stream = io.BytesIO()
    write_rows("-", values, format=kind, stdout=stream)
    stream.seek(0)
    with source(stream) as file:
        np.testing.assert_array_equal(read_rows("-", format=kind, stdin=file)[0], values)


def test_the_process_s_own_streams_are_the_default():
    code = "from isthmus.data import read_rows, write_rows\nwrite_rows('-', read_rows('-').values * 2, ['a', 'b'], format='csv')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    finished = subprocess.run([sys.executable, "-c", code], input=b"a,b\n1,2\n", capture_output=True, check=True, env=environment)
    assert finished.stdout.decode().split() == ["a,b", "2.0,4.0"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npz"])
def test_names_of_rows_come_back(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    write_rows(path, np.eye(2), ["a", "b"], row_names=["first", "second"])
    values, names, row_names = read_rows(path)
    np.testing.assert_array_equal(values, np.eye(2))
    assert names == ("a", "b")
    assert row_names == ("first", "second")


def test_names_of_rows_are_a_column_of_text_in_parquet(tmp_path):
    write_rows(tmp_path / "table.parquet", np.eye(2), ["a", "b"], row_names=["first", "second"])
    frame = pl.read_parquet(tmp_path / "table.parquet")
    assert frame["row_name"].to_list() == ["first", "second"]
    assert frame.columns == ["row_name", "a", "b"]


def test_parquet_of_pandas_gives_its_index_as_names(tmp_path):
    pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}, index=["p", "q"]).to_parquet(tmp_path / "indexed.parquet")
    pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}).to_parquet(tmp_path / "plain.parquet")
    indexed, plain = read_rows(tmp_path / "indexed.parquet"), read_rows(tmp_path / "plain.parquet")
    assert indexed.row_names == ("p", "q")
    assert plain.row_names is None
    for table in (indexed, plain):
        assert table.column_names == ("a", "b")
        np.testing.assert_array_equal(table.values, [[1, 0.5], [2, 1.5]])


def test_parquet_names_text_and_missing_cells(tmp_path):
    pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [1, 2]}).write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match=r"not numeric: 'b' \(String\).*missing cells in 1 of its columns: 'a' \(1 cell\)"):
        read_rows(tmp_path / "bad.parquet")


def test_npz_takes_x_or_the_only_table(tmp_path):
    np.savez(tmp_path / "both.npz", X=np.eye(2), Z=np.ones((3, 3)), y=np.zeros(2))
    np.savez_compressed(tmp_path / "one.npz", data=np.ones((3, 3)), y=np.zeros(3))
    np.testing.assert_array_equal(read_rows(tmp_path / "both.npz").values, np.eye(2))
    np.testing.assert_array_equal(read_rows(tmp_path / "both.npz", key="Z").values, np.ones((3, 3)))
    np.testing.assert_array_equal(read_rows(tmp_path / "one.npz").values, np.ones((3, 3)))


def test_npz_with_several_tables_asks_for_a_key(tmp_path):
    np.savez(tmp_path / "two.npz", train=np.eye(2), test=np.ones((3, 2)), y=np.zeros(2))
    with pytest.raises(
        DataError, match=r"2 arrays with two or more axes and none is 'X'; it holds: 'train' \(2, 2\), .* Name one as `key`"
    ):
        read_rows(tmp_path / "two.npz")
    with pytest.raises(DataError, match=r"has no array 'valid'\. It has: test, train, y\. Name one of them as `key`"):
        read_rows(tmp_path / "two.npz", key="valid")


class Loud:
    def __reduce__(self):
        return (pytest.fail, ("the file was unpickled",))


def test_nothing_is_ever_unpickled(tmp_path):
    objects = np.array([[Loud()]], dtype=object)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", X=objects)
    for name in ("objects.npy", "objects.npz"):
        with pytest.raises(DataError, match=r"Object arrays cannot be loaded .* nothing pickled\. Save it anew"):
            read_rows(tmp_path / name)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"no such thing", b"\x93NUMPY\x01\x00\x10"])
def test_broken_files_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\..* is no readable .* anew"):
        read_rows(path)


def test_an_archive_cut_short_is_refused(tmp_path):
    np.savez(tmp_path / "cut.npz", X=np.ones((100, 100)))
    with zipfile.ZipFile(tmp_path / "empty.npz", "w") as archive:
        archive.writestr("X.npy", b"\x93NUMPY")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-100])
    for name in ("cut.npz", "empty.npz"):
        with pytest.raises(DataError, match="is no readable NPZ file"):
            read_rows(tmp_path / name)


def test_an_archive_named_npy_is_told(tmp_path):
    with (tmp_path / "archive.npy").open("wb") as file:
        np.savez(file, X=np.eye(2))
    with pytest.raises(DataError, match=r"is an NPZ archive, not an NPY file\. Name it with the suffix"):
        read_rows(tmp_path / "archive.npy")
    assert read_rows(tmp_path / "archive.npy", format="npz")[0].shape == (2, 2)


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 3)), np.array(1.0)])
def test_arrays_without_rows_or_features_are_refused(tmp_path, values):
    np.save(tmp_path / "flat.npy", values)
    with pytest.raises(DataError, match=r"has the shape \(.*\)\. It must have rows and .* Save an array of two"):
        read_rows(tmp_path / "flat.npy")


def test_cells_missing_from_arrays_are_named(tmp_path):
    np.save(tmp_path / "nan.npy", np.array([[1.0, np.nan]]))
    with pytest.raises(DataError, match=r"nan\.npy' contains NaN or missing cells in 1 of its columns: 1 \(1 cell\)"):
        read_rows(tmp_path / "nan.npy")


def test_empty_parquet_is_refused(tmp_path):
    pl.DataFrame({"a": []}, schema={"a": pl.Float64}).write_parquet(tmp_path / "empty.parquet")
    with pytest.raises(DataError, match=r"has 0 rows and 1 columns\. It must have some of both; check"):
        read_rows(tmp_path / "empty.parquet")


def save(folder, name, values, mode=None):
    folder.mkdir(exist_ok=True)
    image = PIL.Image.fromarray(np.asarray(values, np.uint8))
    (image if mode is None else image.convert(mode)).save(folder / name)


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 3)])
def test_a_folder_of_images_is_an_array_of_bytes_sorted_by_name(tmp_path, shape):
    values = np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)
    for index in (2, 0, 3, 1):
        save(tmp_path / "images", f"image{index}.png", values[index])
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    (tmp_path / "images" / ".hidden.png").write_text("not an image")
    found, _, row_names = read_rows(tmp_path / "images")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)
    assert row_names == ("image0.png", "image1.png", "image2.png", "image3.png")


def test_black_and_white_and_palettes_are_read_as_gray_and_color(tmp_path):
    black_and_white = np.array([[0, 255], [255, 0]])
    save(tmp_path / "bits", "a.png", black_and_white, "1")
    save(tmp_path / "palette", "a.png", np.stack([black_and_white] * 3, axis=-1), "P")
    np.testing.assert_array_equal(read_rows(tmp_path / "bits")[0][0], black_and_white)
    np.testing.assert_array_equal(read_rows(tmp_path / "palette")[0][0], np.stack([black_and_white] * 3, axis=-1))


def test_images_of_another_size_or_mode_are_named(tmp_path):
    for index in range(3):
        save(tmp_path / "images", f"{index}.png", np.zeros((4, 5)))
    save(tmp_path / "images", "tall.png", np.zeros((9, 5)))
    save(tmp_path / "images", "color.png", np.zeros((4, 5, 3)))
    with pytest.raises(
        DataError, match=r"Most are 5x4 L; not so: color\.png \(5x4 RGB\), tall\.png \(5x9 L\)\. All must be alike; resize or"
    ):
        read_rows(tmp_path / "images")


def test_transparent_images_are_refused(tmp_path):
    save(tmp_path / "images", "a.png", np.zeros((4, 5, 4)))
    with pytest.raises(DataError, match=r"a\.png' has mode 'RGBA'\. Allowed: 1, L, P, RGB .* Convert it"):
        read_rows(tmp_path / "images")


@pytest.mark.parametrize("kept", [0, 60, -30])
def test_broken_images_are_named(tmp_path, kept):
    save(tmp_path / "images", "a.png", np.random.default_rng(0).integers(0, 256, size=(40, 50)))
    path = tmp_path / "images" / "a.png"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"a\.png' cannot be read: .* must be whole; repair it or move it away"):
        read_rows(tmp_path / "images")


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no images\. Known are the suffixes \.bmp, .* Name another folder"):
        read_rows(tmp_path)


@pytest.mark.parametrize(("module", "path", "extra"), [("pyarrow.parquet", "table.parquet", "data"), ("PIL.Image", "images", "image")])
def test_a_missing_package_names_its_extra(tmp_path, monkeypatch, module, path, extra):
    write_rows(tmp_path / "table.parquet", np.eye(2))
    save(tmp_path / "images", "a.png", np.zeros((2, 2)))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"not installed\. Try: pip install 'isthmus\[{extra}\]'"):
        read_rows(tmp_path / path)


@pytest.mark.parametrize("call", [read_rows, lambda path: write_rows(path, np.eye(2))])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, call):
    (tmp_path / "table.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"Unknown kind of file '.*table\.xlsx'\. Known are \.csv, \.npy, .* name its `format`: csv, npy"):
        call(tmp_path / "table.xlsx")


def test_an_unknown_format_lists_the_known_ones():
    with pytest.raises(DataError, match=r"Unknown `format` 'xls'\. Choose one of: csv, npy, npz, parquet, tsv; or leave it out"):
        read_rows("-", format="xls", stdin=io.BytesIO())


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file or folder '.*none\.csv'\. Give the path"):
        read_rows(tmp_path / "none.csv")


@pytest.mark.parametrize("values", [np.zeros(3), np.array([["a"]]), np.array([[1j]])])
def test_only_rows_of_numbers_are_written(tmp_path, values):
    with pytest.raises(DataError, match=r"Cannot write an array of shape .* It must be rows of numbers; make it two-dimensional"):
        write_rows(tmp_path / "table.csv", values)


@pytest.mark.parametrize(("options", "what"), [({"names": ["a"]}, "names"), ({"row_names": ["a"]}, "row_names")])
def test_there_are_as_many_names_as_columns_and_rows(tmp_path, options, what):
    with pytest.raises(DataError, match=rf"`{what}` has 1 entries\. It must have 2, one each; pass None"):
        write_rows(tmp_path / "table.csv", np.eye(2), **options)


def test_two_columns_of_one_name_are_not_written(tmp_path):
    with pytest.raises(DataError, match=r"`names` has 'a' more than once\. Every column needs a name of its own; rename"):
        write_rows(tmp_path / "table.parquet", np.eye(2), ["a", "a"])
    with pytest.raises(DataError, match=r"A column has the name 'row_name', which Parquet files keep for .* Pass other `names`"):
        write_rows(tmp_path / "table.parquet", np.eye(2), ["a", "row_name"], row_names=["1", "2"])
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.parquet"
    write_rows(path, np.eye(2))
    before = path.read_bytes()
    # pyarrow has no longdouble.
    with pytest.raises(Exception, match=r"float128|longdouble|Unsupported numpy type"):
        write_rows(path, np.eye(2, dtype=np.longdouble))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
