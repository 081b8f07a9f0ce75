"""encode, decode and reconstruct."""

import io
from pathlib import Path

import numpy as np
import pytest

from isthmus import load
from isthmus.data import read_rows


@pytest.fixture(scope="module")
def estimator(model):
    return load(model)


def parsed(text):
    return read_rows("-", stdin=io.BytesIO(text.encode()))


@pytest.mark.parametrize("name", ["codes.csv", "codes.tsv", "codes.parquet", "codes.npy", "codes.npz"])
def test_codes_are_those_of_the_estimator_in_every_format(run, model, table, rows, frame, estimator, tmp_path, name):
    result = run("encode", model, table, "-o", tmp_path / name)
    codes = read_rows(tmp_path / name)
    np.testing.assert_array_equal(codes.values, estimator.transform(frame))
    assert codes.column_names in (("autoencoder0", "autoencoder1"), None if name.endswith("npy") else ())
    assert result.stdout == ""
    assert f"Wrote 120 rows of 2 columns to '{tmp_path / name}'" in result.stderr


def test_decode_gives_rows_with_the_names_of_the_columns(run, model, table, frame, estimator, tmp_path):
    run("encode", model, table, "-o", tmp_path / "codes.csv")
    run("decode", model, tmp_path / "codes.csv", "-o", tmp_path / "back.csv")
    back = read_rows(tmp_path / "back.csv")
    np.testing.assert_array_equal(back.values, estimator.inverse_transform(estimator.transform(frame)))
    assert back.column_names == ("height", "width", "depth", "mass", "age", "price")


def test_decode_finds_the_columns_of_codes_by_name_or_else_by_place(run, model, estimator, tmp_path):
    codes = np.array([[0.5, -1.0], [2.0, 0.0]])
    expected = estimator.inverse_transform(codes)
    for header, order in (("autoencoder1,autoencoder0", [1, 0]), ("first,second", [0, 1])):
        np.savetxt(tmp_path / "codes.csv", codes[:, order], delimiter=",", header=header, comments="")
        np.testing.assert_array_equal(parsed(run("decode", model, tmp_path / "codes.csv", "-o", "-").stdout).values, expected)


def test_codes_of_another_width_are_refused(run, model, table):
    assert "Codes have 6 columns; this model's have 2" in run("decode", model, table, "-o", "-", code=2).stderr


def test_reconstruct_keeps_the_columns_and_the_rows(run, model, table, frame, estimator):
    table = parsed(run("reconstruct", model, table, "-o", "-").stdout)
    np.testing.assert_array_equal(table.values, estimator.reconstruct(frame))
    assert table.column_names == ("height", "width", "depth", "mass", "age", "price")


def test_commands_make_a_pipe(run, model, table, frame, estimator):
    codes = run("encode", model, "-", "-o", "-", stdin=Path(table).read_bytes())
    assert codes.stderr == ""
    back = run("decode", model, "-", "-o", "-", stdin=codes.stdout_bytes)
    np.testing.assert_array_equal(parsed(back.stdout).values, estimator.inverse_transform(estimator.transform(frame)))


def test_a_pipe_may_carry_arrays(run, model, rows, frame, estimator):
    stream = io.BytesIO()
    np.save(stream, rows)
    arrays = ("--format", "npy", "--output-format", "npy")
    codes = run("encode", model, "-", "-o", "-", *arrays, stdin=stream.getvalue()).stdout_bytes
    np.testing.assert_array_equal(np.load(io.BytesIO(codes)), estimator.transform(frame))


@pytest.mark.parametrize("command", ["encode", "reconstruct"])
def test_columns_are_found_by_name_whatever_their_order(run, model, table, rows, tmp_path, command):
    names = ("price", "width", "age", "depth", "height", "mass")
    order = [("height", "width", "depth", "mass", "age", "price").index(name) for name in names]
    np.savetxt(tmp_path / "mixed.csv", rows[:, order], delimiter=",", header=",".join(names), comments="", fmt="%.17g")
    assert run(command, model, tmp_path / "mixed.csv", "-o", "-").stdout == run(command, model, table, "-o", "-").stdout


@pytest.mark.parametrize("command", ["encode", "reconstruct"])
def test_wrong_columns_are_named(run, model, table, tmp_path, command):
    (tmp_path / "wrong.csv").write_text(Path(table).read_text().replace("price", "cost"))
    message = run(command, model, tmp_path / "wrong.csv", "-o", tmp_path / "out.csv", code=2).stderr
    assert "lacks the columns 'price' and has the unknown columns 'cost'. Needed are, in any order: 'height', 'width'" in message
    assert not (tmp_path / "out.csv").exists()


def test_another_number_of_columns_without_names_is_refused(run, model, rows, tmp_path):
    np.save(tmp_path / "narrow.npy", rows[:, :4])
    assert "4 features" in run("encode", model, tmp_path / "narrow.npy", "-o", "-", code=2).stderr


def test_names_of_rows_travel_along(run, model, rows, tmp_path):
    lines = [",height,width,depth,mass,age,price", *(f"row{i}," + ",".join(map(repr, row.tolist())) for i, row in enumerate(rows[:3]))]
    (tmp_path / "named.csv").write_text("\n".join(lines) + "\n")
    assert parsed(run("encode", model, tmp_path / "named.csv", "-o", "-").stdout).row_names == ("row0", "row1", "row2")


def test_images_become_codes_and_images_again(run, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    pixels = rng.integers(0, 256, (24, 4, 3), dtype=np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "images" / f"{index:02d}.png")
    run("fit", tmp_path / "images", "-o", tmp_path / "m", "--latent-dim", "2", "--max-epochs", "2", "--seed", "0", "--quiet")
    names = parsed(run("encode", tmp_path / "m", tmp_path / "images", "-o", "-").stdout).row_names
    assert names == tuple(f"{index:02d}.png" for index in range(24))
    run("reconstruct", tmp_path / "m", tmp_path / "images", "-o", tmp_path / "back.npy")
    assert np.load(tmp_path / "back.npy").shape == (24, 4, 3)


@pytest.mark.parametrize("command", ["encode", "decode", "reconstruct", "evaluate", "info"])
def test_a_file_that_is_no_model_has_an_exit_code_of_its_own(run, table, tmp_path, command):
    (tmp_path / "broken.isthmus").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00notjson!")
    data = [] if command == "info" else [table] if command == "evaluate" else [table, "-o", "-"]
    result = run(command, tmp_path / "broken.isthmus", *data, code=3)
    assert "cannot be read as a safetensors file" in result.stderr
    assert result.stdout == ""


def test_a_model_cut_short_is_refused(run, model, table, tmp_path):
    (tmp_path / "short.isthmus").write_bytes(Path(model).read_bytes()[:-10])
    assert run("encode", tmp_path / "short.isthmus", table, "-o", "-", code=3).stderr.startswith("Error: ")


def test_a_missing_model_is_wrong_usage(run, table, tmp_path):
    assert "does not exist" in run("encode", tmp_path / "nothing.isthmus", table, "-o", "-", code=2).stderr


def test_an_output_of_an_unknown_kind_is_refused(run, model, table, tmp_path):
    assert "Unknown kind of file" in run("encode", model, table, "-o", tmp_path / "codes.xyz", code=2).stderr
    assert not (tmp_path / "codes.xyz").exists()
