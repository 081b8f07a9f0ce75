from typing import Any

import click

from ._command import command
from ._output import check_output
from ._tables import feature_names, load_model, matched, model_argument, output_options, read_table, reading_options, write_table

__all__ = ["decode"]


@command
@model_argument
@click.argument("codes", type=click.Path(exists=True, allow_dash=True))
@output_options
@reading_options
def decode(*, model: str, codes: str, output: str, output_format: str | None, **reading: Any) -> None:
    """Turn each code in CODES back into a row.

    CODES is a table as `isthmus encode` writes it, one code a row. Its columns are found by their names where they have those that
    `encode` gives, else by their places.
    """
    check_output(output)
    autoencoder = load_model(model)
    table = read_table(codes, **reading)
    names = tuple(autoencoder.get_feature_names_out())
    if set(names) == set(table.column_names or ()):
        table = matched(table, names, codes)
    rows = autoencoder.inverse_transform(table.values)
    write_table(output, rows, feature_names(autoencoder), row_names=table.row_names, output_format=output_format)
