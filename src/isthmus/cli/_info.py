import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ._command import command
from ._output import print_json, print_table, shown
from ._tables import model_argument

__all__ = ["info"]


@command
@model_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(*, model: str, as_json: bool) -> None:
    """Show what a MODEL says of itself.

    Parts, shapes, parameters, and how it was trained. Only the head of the file is read; its arrays stay where they are.
    """
    from isthmus.persistence import read_header

    header = read_header(model)
    fitted = dict(header.fitted)
    history = {name: values[-1] for name, values in fitted.pop("history", {}).items() if values}
    description = {
        "model": model,
        "bytes": Path(model).stat().st_size,
        "format": header.format,
        "kind": header.kind,
        "created": header.created,
        "versions": header.versions,
        "n_weights": sum(math.prod(shape) for name, (_, shape) in header.arrays.items() if name.startswith("weights.")),
        "parameters": header.parameters,
        "fitted": fitted,
        "last_epoch": history,
        "arrays": {name: {"dtype": dtype, "shape": shape} for name, (dtype, shape) in header.arrays.items()},
    }
    if as_json:
        print_json(description)
        return
    print_table(model, _file_rows(description))
    parts = fitted.pop("parts", {}).get("fields", {})
    print_table("Parts", [(name, _described(value)) for name, value in parts.items() if value not in (None, [])])
    chosen = {name: value for name, value in header.parameters.items() if name not in parts and value not in (None, ())}
    print_table("Parameters", [(name, _described(value)) for name, value in chosen.items()])
    print_table("Found by fit", [(name, _described(value)) for name, value in fitted.items()])
    print_table("Terms of the last epoch", [(name, shown(value)) for name, value in history.items()])
    arrays = [(name, " x ".join(map(str, shape)) or "scalar", dtype) for name, (dtype, shape) in header.arrays.items()]
    print_table("Arrays", arrays, header=("name", "shape", "type"))


def _file_rows(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("kind", f"{description['kind']}, file format {description['format']}"),
        ("written", f"{description['created']} by {', '.join(f'{name} {version}' for name, version in description['versions'].items())}"),
        ("size", f"{description['bytes']:,} bytes, {description['n_weights']:,} weights"),
    ]


def _described(value: Any) -> str:
    """A value as a line of text; a part as `name(field=value)`."""
    if isinstance(value, Mapping) and "part" in value:
        fields = ", ".join(f"{name}={_described(field)}" for name, field in value["fields"].items() if field not in (None, (), []))
        return f"{value['part'].rpartition('.')[2]}({fields})"
    if isinstance(value, list | tuple):
        return ", ".join(map(_described, value))
    return shown(value)
