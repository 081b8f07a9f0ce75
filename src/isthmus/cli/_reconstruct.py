from typing import Any

from ._command import command
from ._output import check_output
from ._tables import data_argument, load_model, model_argument, output_options, read_matched, reading_options, unnamed, write_table

__all__ = ["reconstruct"]


@command
@model_argument
@data_argument
@output_options
@reading_options
def reconstruct(*, model: str, data: str, output: str, output_format: str | None, **reading: Any) -> None:
    """Encode each row of DATA and decode it again.

    The output has the columns and the units of DATA. Columns are found by their names where DATA and MODEL have them, else by their
    places.
    """
    check_output(output)
    autoencoder = load_model(model)
    table = read_matched(data, autoencoder, **reading)
    with unnamed():
        rows = autoencoder.reconstruct(table.values)
    write_table(output, rows.reshape(table.values.shape), table.column_names, row_names=table.row_names, output_format=output_format)
