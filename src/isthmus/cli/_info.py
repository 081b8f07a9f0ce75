import os
from collections.abc import Mapping
from typing import Any

import click

from ._command import command
from ._output import best_terms, print_json, print_table, shown
from ._tables import model_argument

__all__ = ["info"]


@command
@model_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(*, model: str, as_json: bool) -> None:
    """Show what MODEL says of itself: its parts, its shapes and how it was trained.

    Only the head of the file is read; no array is.
    """
    from isthmus.persistence import read_header

    header = read_header(model)
    fitted = dict(header.fitted)
