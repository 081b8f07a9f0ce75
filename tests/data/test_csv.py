import csv
import io

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from isthmus.data import read_rows, write_rows
from isthmus.errors import DataError


def read(text, **options):
    content = text if isinstance(text, bytes) else text.encode()
    return read_rows("-", stdin=io.BytesIO(content), **options)


def numbers(text, **options):
    return read(text, **options)[0]


def message(text, **options):
    with pytest.raises(DataError) as caught:
        read(text, **options)
    return str(caught.value)


def written(values, names=None, **options):
    stream = io.BytesIO()
    write_rows("-", values, names, stdout=stream, **options)
    return stream.getvalue().decode()


finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(lambda name: f"a{name}b"), min_size=4, max_size=4, unique=True
)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(4)), elements=finite), names, st.sampled_from(["csv", "tsv"]))
def test_numbers_and_names_come_back_exactly(values, names, kind):
    table = read(written(values, names, format=kind), format=kind)
    np.testing.assert_array_equal(table.values, values)
    assert table.column_names == tuple(names)
    assert table.row_names is None


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_each_number_is_written_in_few_digits(dtype):
    values = np.array([[0, 1], [1, 0]], dtype) if dtype is not np.float32 else np.array([[0.1, 1e-30]], dtype)
    text = written(values.astype(np.uint8) if dtype is bool else values)
    np.testing.assert_array_equal(numbers(text).astype(dtype), values)
    assert "0.1," in text or dtype is not np.float32


def test_names_of_rows_are_a_first_column_without_a_name():
    text = written(np.eye(2), ["a", "b"], row_names=["cat.png", "2"])
    assert text == ",a,b\ncat.png,1.0,0.0\n2,0.0,1.0\n"
    table = read(text)
    assert table.row_names == ("cat.png", "2")
    assert table.column_names == ("a", "b")


def test_the_index_of_pandas_is_no_column():
    X = pd.DataFrame(np.arange(6.0).reshape(3, 2))
    for table in (read(X.to_csv()), read(X.set_axis(["a", "b"], axis=1).to_csv())):
        np.testing.assert_array_equal(table.values, X)
        assert table.row_names == ("0", "1", "2")


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_are_found(delimiter, end):
    text = end.join(
        delimiter.join(row)
        for row in [["first, last", "b|c", "d;e"] if delimiter == "\t" else ["a", "b", "c"], ["1.5", "2", "3"], ["4", "5", "6e1"]]
    )
    np.testing.assert_array_equal(numbers(text), [[1.5, 2, 3], [4, 5, 60]])


def test_one_column_needs_no_delimiter():
    values, names, _ = read("a\n1\n2\n")
    assert values.tolist() == [[1.0], [2.0]]
    assert names == ("a",)


@pytest.mark.parametrize(
    ("text", "header", "named"), [("1,2\n3,4\n", None, False), ("1990,1991\n3,4\n", True, True), ("a,2\n3,4\n", None, True)]
)
def test_names_are_found_or_told(text, header, named):
    table = read(text, header=header)
    assert (table.column_names is not None) == named
    assert len(table.values) == 2 - named


def test_counted_names_of_pandas_are_names():
    X = pd.DataFrame(np.ones((2, 9)))
    assert numbers(X.to_csv(index=False)).shape == (2, 9)


def test_a_row_of_small_numbers_is_data():
    assert numbers("0,1\n1,0\n").tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_quotes_blank_lines_byte_order_marks_and_spaces_are_understood():
    values, names, _ = read('\ufeff"a, with comma",b\n\n"1.5", 2\n\n3,4\n'.encode())
    assert names == ("a, with comma", "b")
    assert values.tolist() == [[1.5, 2.0], [3.0, 4.0]]


def test_long_files_are_read_in_parts():
    values = np.arange(2 * 2**17 + 2, dtype=np.float64).reshape(-1, 2)
    np.testing.assert_array_equal(numbers(written(values)), values)


def test_text_and_missing_cells_are_named_together():
    text = message("width,city,height,depth\n1,Rome,,2\n3,Bern,NA,5\n5,Oslo,6,nan\n")
    assert "1 of the columns of Standard input is not numeric: 'city' (text, such as 'Rome' in line 2)." in text
    assert "missing cells in 2 of its columns: 'height' (2 cells), 'depth' (1 cell)." in text
    assert "Encode" in text
    assert "Fill" in text


def test_infinite_cells_are_named():
    assert "infinity in 1 of its columns: 'b' (1 cell)." in message("a,b\n1,2\n3,-inf\n")


def test_columns_without_names_are_counted_from_zero():
    assert "missing cells in 1 of its columns: 1 (1 cell)." in message("1,\n3,4\n")


@pytest.mark.parametrize("cell", ["1_000", "2020-01-01", "1,5", "0x10", "True"])
def test_what_only_looks_like_a_number_is_text(cell):
    assert f"'a' (text, such as {cell!r} in line 3)" in message(f'a;b\n1;2\n"{cell}";4\n')


def test_lines_are_those_of_the_file_with_quoted_line_breaks_too():
    assert "in line 5" in message('"a\nb",c\n1,2\n3,4\n5,x\n')


def test_rows_of_another_length_name_the_line():
    assert "Line 3 of Standard input has 1 cells. Every line must have 2, as the first has. Correct that line" in message("a,b\n1,2\n3\n")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "Standard input is empty. It must hold at least one row of numbers; check"),
        ("\n\n", "Standard input is empty"),
        ("a,b\n", "has names of columns and no rows. It must hold at least one row of numbers; check"),
        ("a,b,a\n1,2,3\n", "several columns of one name: 'a'. Every column needs a name of its own; rename or drop"),
        (b"a,b\n1,\xff\n", "no readable CSV: 'utf-8' codec .* It must be UTF-8 text .* Save it anew"),
        ('a,b\n1,"' + "x" * (csv.field_size_limit() + 1), "no readable CSV: field larger"),
    ],
)
def test_unreadable_text_is_refused(content, expected):
    with pytest.raises(DataError, match=expected):
        read(content)


def test_the_stream_stays_open():
    stream = io.BytesIO(b"1,2\n")
    read_rows("-", stdin=stream)
    assert not stream.closed
