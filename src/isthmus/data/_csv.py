import csv
import io
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from isthmus.errors import DataError

from ._columns import refuse_columns
from ._places import listed
from ._table import Table

_DELIMITERS = (",", ";", "\t", "|")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
# Eight columns that begin with the row 0, 1, 2, ..., 7 are columns without names more likely than data.
_COUNTED_NAMES = 8
_HEAD_CHARACTERS = 2**16
_SAMPLE_ROWS = 20
_CHUNK_CELLS = 2**18


def read_csv(file: BinaryIO, label: str, *, header: bool | None = None) -> Table:
    """A table of numbers in text; see `read_rows`."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        return _parsed(text, label, header)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"{label} is no readable CSV: {error}. It must be UTF-8 text with one row a line. Save it anew as CSV in UTF-8."
        ) from error
    finally:
        text.detach()


def write_csv(file: BinaryIO, values: np.ndarray, names: Sequence[str], row_names: Sequence[str] | None, *, delimiter: str = ",") -> None:
    """A line of names and a line a row, each number in the fewest digits that give it back; row names in a first column without a name."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names if row_names is None else ["", *names])
    size = max(1, _CHUNK_CELLS // max(1, values.shape[1]))
    for start in range(0, len(values), size):
        rows = values[start : start + size].astype(str).tolist()
        if row_names is not None:
            rows = [[name, *row] for name, row in zip(row_names[start : start + size], rows, strict=True)]
        writer.writerows(rows)
    text.flush()
    text.detach()


def _parsed(text: io.TextIOWrapper, label: str, header: bool | None) -> Table:
    head = text.read(_HEAD_CHARACTERS) + text.readline()
    # The reader, and not the text, says where a row ends: a quoted cell may hold several lines.
    reader = csv.reader(itertools.chain(io.StringIO(head, newline=""), text), delimiter=_delimiter(head))
    rows = ((reader.line_num, row) for row in reader if row)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{label} is empty. It must hold at least one row of numbers; check what wrote it.")
    named = _are_names(first[1]) if header is None else header
    names = [name.strip() for name in first[1]] if named else list(range(len(first[1])))
    twice = [repr(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{label} has several columns of one name: {listed(twice)}. Every column needs a name of its own; rename or drop them."
        )
    cells = _Cells(names, label)
    for chunk in _chunks(rows if named else itertools.chain([first], rows), len(names)):
        cells.add(chunk)
    return cells.table()


class _Cells:
    """What has been read of a file so far, and what was wrong with it."""

    def __init__(self, names: list[Any], label: str) -> None:
        # pandas writes its index as a first column without a name.
        self.has_row_names = len(names) > 1 and names[0] == ""
        self.names, self.label = names, label
        self.blocks: list[np.ndarray] = []
        self.row_names: list[str] = []
        self.types: dict[Any, str] = {}
        self.missing: Counter[Any] = Counter()
        self.infinite: Counter[Any] = Counter()

    def add(self, chunk: list[tuple[int, list[str]]]) -> None:
        for line, row in chunk:
            if len(row) != len(self.names):
                raise DataError(
                    f"Line {line} of {self.label} has {len(row)} cells. Every line must have {len(self.names)}, as the first has. "
                    "Correct that line; a cell that contains the delimiter must stand in double quotes."
                )
        if self.has_row_names:
            self.row_names += [row[0] for _, row in chunk]
            chunk = [(line, row[1:]) for line, row in chunk]
        rows = [row for _, row in chunk]
        values = _numbers(rows)
        if values is None or not np.isfinite(values).all():
            self._examine(chunk)
        else:
            self.blocks.append(values)

    def _examine(self, chunk: list[tuple[int, list[str]]]) -> None:
        names = self.names[1:] if self.has_row_names else self.names
        for line, row in chunk:
            for name, cell in zip(names, row, strict=True):
                number = _number(cell)
                if number is None:
                    self.types.setdefault(name, f"text, such as {cell!r} in line {line}")
                self.missing[name] += number is not None and math.isnan(number)
                self.infinite[name] += number is not None and math.isinf(number)

    def table(self) -> Table:
        refuse_columns(self.label, types=self.types, missing=self.missing, infinite=self.infinite)
        if not self.blocks:
            raise DataError(
                f"{self.label} has names of columns and no rows. It must hold at least one row of numbers; check what wrote it."
            )
        names = self.names[1:] if self.has_row_names else self.names
        named = isinstance(names[0], str)
        return Table(np.concatenate(self.blocks), tuple(names) if named else None, tuple(self.row_names) if self.has_row_names else None)


def _chunks(rows: Iterable[tuple[int, list[str]]], width: int) -> Iterator[list[tuple[int, list[str]]]]:
    rows = iter(rows)
    while chunk := list(itertools.islice(rows, max(1, _CHUNK_CELLS // width))):
        yield chunk


def _numbers(rows: list[list[str]]) -> np.ndarray | None:
    """All cells of all rows as numbers, or None if one is no number."""
    # Python reads "1_000" as a number; in a table it is a name.
    if any("_" in "".join(row) for row in rows):
        return None
    try:
        return np.fromiter(map(float, itertools.chain.from_iterable(rows)), np.float64).reshape(len(rows), -1)
    except ValueError:
        return None


def _number(cell: str) -> float | None:
    """The number in a cell; NaN if it is missing; None if it is text."""
    if cell.strip().lower() in _MISSING:
        return math.nan
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _are_names(cells: list[str]) -> bool:
    """Whether a first row holds names: text, or the numbers 0, 1, 2, ... that pandas gives to columns without names."""
    if any(_number(cell) is None for cell in cells):
        return True
    counted = cells[1:] if cells[0] == "" else cells
    return counted == [str(index) for index in range(len(counted))] and (cells[0] == "" or len(cells) >= _COUNTED_NAMES)


def _delimiter(head: str) -> str:
    """The delimiter that makes several columns, equally many in every row, and the most numbers below the first row."""

    def merit(delimiter: str) -> tuple[bool, bool, float, int]:
        sample = itertools.islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), _SAMPLE_ROWS)
        rows = [row for row in sample if row] or [[]]
        cells = [cell for row in rows[1:] for cell in row]
        share = sum(_number(cell) is not None for cell in cells) / max(1, len(cells))
        return len(rows[0]) > 1, len({len(row) for row in rows}) == 1, share, len(rows[0])

    return max(_DELIMITERS, key=merit)
