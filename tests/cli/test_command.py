import errno
import warnings

import click
import pytest
from click.testing import CliRunner

from isthmus.cli._command import command
from isthmus.errors import DataError, DivergedError, FileFormatError, MissingExtraError, PartError


def failing(error):
    @command
    def fail():
        """Fail."""
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DivergedError("The loss is not finite."), 1),
        (MissingExtraError("Try: pip install"), 1),
        (MemoryError(), 1),
        (OSError(errno.ENOSPC, "No space left on device", "model.isthmus"), 1),
        (RuntimeError("unforeseen"), 1),
        (DataError("Columns differ."), 2),
        (PartError("No such part."), 2),
        (ValueError("X has 3 features."), 2),
        (FileNotFoundError(errno.ENOENT, "No such file", "data.csv"), 2),
        (click.BadParameter("Bad."), 2),
        (FileFormatError("Not a model."), 3),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_an_error_is_one_message_on_stderr_and_an_exit_code(error, code):
    result = CliRunner().invoke(failing(error), [])
    assert result.exit_code == code
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_the_message_is_the_error_s_own():
    assert CliRunner().invoke(failing(DataError("Columns differ.")), []).stderr == "Error: Columns differ.\n"
    no_space = CliRunner().invoke(failing(OSError(errno.ENOSPC, "No space left on device", "model.isthmus")), [])
    assert no_space.stderr == "Error: No space left on device: 'model.isthmus'.\n"


def test_an_unforeseen_error_says_that_it_is_a_defect():
    assert "RuntimeError: unforeseen. This is a defect" in CliRunner().invoke(failing(RuntimeError("unforeseen")), []).stderr


def test_debug_shows_where_the_error_comes_from_and_keeps_the_exit_code():
    result = CliRunner().invoke(failing(DataError("Columns differ.")), ["--debug"])
    assert "Traceback" in result.stderr
    assert "in fail" in result.stderr
    assert result.exit_code == 2


def test_a_warning_is_one_line_on_stderr():
    @command
    def warn():
        """Warn."""
        warnings.simplefilter("always")
        warnings.warn("The loss went up.", UserWarning, stacklevel=1)
        click.echo("done")

    result = CliRunner().invoke(warn, [])
    assert result.exit_code == 0
    assert result.stdout == "done\n"
    assert result.stderr == "Warning: The loss went up.\n"
