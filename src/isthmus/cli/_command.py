"""How every command fails: one message on standard error and an exit code.

```
error ──> DivergedError, MissingExtraError, memory, a full disk ──> 1  a run that failed
      ├─> ValueError (DataError, PartError), files not found    ──> 2  usage or bad input
      ├─> FileFormatError                                       ──> 3  a model file that cannot be read
      └─> Ctrl-C                                                ──> 130
```
"""

import functools
import os
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import click

from isthmus.errors import DivergedError, FileFormatError, IsthmusError, MissingExtraError

__all__ = ["EXIT_CODES", "command"]

EXIT_CODES = """\b
Exit codes:
  0    success
  1    the run failed: the loss diverged, memory or a package is missing
  2    wrong usage, or input that cannot be used
  3    a model file that cannot be read
  130  interrupted (a fit ends with its best weights so far instead)
"""

_UNUSABLE = (ValueError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def command(function: Callable[..., None]) -> click.Command:
    """A command of its own name, with `--debug`, whose errors are one message and an exit code.

    Args:
        function: takes the options as keywords; its docstring is the command's help.
    """

    @functools.wraps(function)
    def run(*, debug: bool, **options: Any) -> None:
        with warnings.catch_warnings():
            if not debug:
                warnings.showwarning = _show_warning
            try:
                function(**options)
            except (Exception, KeyboardInterrupt) as error:
                if isinstance(error, click.exceptions.Exit | click.Abort | click.ClickException | BrokenPipeError):
                    raise
                if debug:
                    traceback.print_exc()
                click.echo(f"Error: {_message(error)}", err=True)
                raise click.exceptions.Exit(_exit_code(error)) from error

    made = click.command(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})(run)
    made.params.append(click.Option(["--debug"], is_flag=True, help="Show where an error comes from."))
    return made


def _message(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {os.fsdecode(error.filename)!r}."
    if isinstance(error, MemoryError):
        return f"Not enough memory. {error}".rstrip()
    if isinstance(error, IsthmusError | ValueError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}. This is a defect of isthmus; run again with --debug to see where it comes from."


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, FileFormatError):
        return 3
    if isinstance(error, DivergedError | MissingExtraError):
        return 1
    return 2 if isinstance(error, _UNUSABLE) else 1


def _show_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    click.echo(f"Warning: {message}", err=True)
