"""What commands say: tables for people, one JSON object for machines."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["best_terms", "check_output", "print_json", "print_table", "shown"]


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON object on standard output; numbers that JSON does not know become null."""
    click.echo(json.dumps(_plain(values), allow_nan=False, indent=2))


def print_table(title: str, rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> None:
    """A table on standard output, its first column left-aligned and the numbers right.

    Args:
        title: what stands above it.
        rows: its cells.
        header: names of the columns; none for a list of names and values.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", show_header=bool(header))
    for index in range(len(rows[0])):
        table.add_column(header[index] if header else "", justify="right" if header and index else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def shown(value: Any) -> str:
    """A number with four digits, or another value as it is.

    Example:
        >>> shown(0.123456), shown(12), shown(None)
        ('0.1235', '12', '-')
    """
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def best_terms(history: Mapping[str, Any], best_epoch: int) -> dict[str, float]:
    """The terms of the epoch whose weights were kept; of the last one where those were the initial ones.

    Args:
        history: by name, one number an epoch.
        best_epoch: counted from 1; 0 for the initial weights.
    """
    return {name: float(values[best_epoch - 1]) for name, values in history.items() if len(values)}


def check_output(path: str) -> None:
    """Refuse now an output whose folder is not there, and not when the work is done.

    Args:
        path: the file to be written; `-` for standard output.
    """
    folder = Path(path).absolute().parent
    if path != "-" and not folder.is_dir():
        raise click.BadParameter(f"There is no folder {str(folder)!r} for {path!r}. Make it, or write elsewhere.", param_hint="--output")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        items = value if isinstance(value, list | tuple) else value.tolist()
        return [_plain(item) for item in items] if isinstance(items, list | tuple) else _plain(items)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
