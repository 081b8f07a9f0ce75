from typing import Any

from ._command import command
from ._output import check_output
from ._tables import data_argument, load_model, model_argument, output_options, read_matched, reading_options, unnamed, write_table

__all__ = ["encode"]


@command
@model_argument
@data_argument
@output_options
@reading_options
def encode(*, model: str, data: str, output: str, output_format: str | None, **reading: Any) -> None:
    """Turn each row of DATA into its code.

    Columns are found by their names where DATA and MODEL have them, else by their places.
    """
    check_output(output)
    autoencoder = load_model(model)
    table = read_matched(data, autoencoder, **reading)
    with unnamed():
        codes = autoencoder.transform(table.values)
    write_table(output, codes, list(autoencoder.get_feature_names_out()), row_names=table.row_names, output_format=output_format)
