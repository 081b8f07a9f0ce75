import importlib
from typing import Any

import click

from ._command import EXIT_CODES

__all__ = ["main"]

# In the order of a first session with them; each is a file of this folder, imported when it is asked for.
_COMMANDS = ("fit", "encode", "decode", "reconstruct", "sample", "evaluate", "report", "info", "demo")


class _Commands(click.Group):
    """Subcommands that are imported on use, and that import NumPy, JAX and scikit-learn only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return getattr(importlib.import_module(f"isthmus.cli._{cmd_name}"), cmd_name)


def _print_version(context: click.Context, _: click.Parameter, asked: Any) -> None:
    if asked:
        from importlib.metadata import version

        click.echo(version("isthmus"))
        context.exit()


@click.group(cls=_Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version and stop.")
def main() -> None:
    """Autoencoders that are correct, fast and explained.

    Train one on a table, a folder of images or an array; then turn rows into short codes and codes back into rows.

    \b
    isthmus fit table.csv --latent-dim 8 -o model.isthmus
    isthmus encode model.isthmus new.csv -o codes.csv
    isthmus decode model.isthmus codes.csv -o back.csv

    A dash reads from standard input or writes to standard output. `isthmus COMMAND --help` explains a command.
    """
