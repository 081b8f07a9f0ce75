import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from isthmus.cli import main

NAMES = ("height", "width", "depth", "mass", "age", "price")


@pytest.fixture(scope="session")
def rows():
    rng = np.random.default_rng(0)
    return 10.0 + np.tanh(rng.normal(size=(120, 2)) @ rng.normal(size=(2, len(NAMES)))) * 3.0


@pytest.fixture(scope="session")
def frame(rows):
    """The rows with the names that the table below gives them."""
    return pd.DataFrame(rows, columns=list(NAMES))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the files below lie; tests that write use `tmp_path`."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="session")
def table(folder, rows):
    """A CSV with names; numbers of fifteen digits, which float64 gives back."""
    path = folder / "rows.csv"
    np.savetxt(path, rows, delimiter=",", header=",".join(NAMES), comments="", fmt="%.17g")
    return str(path)


@pytest.fixture(scope="session")
def model(folder, table):
    """A model that `isthmus fit` wrote."""
    path = str(folder / "model.isthmus")
    run("fit", table, "-o", path, "--latent-dim", "2", "--max-epochs", "8", "--seed", "0", "--quiet")
    return path


def run(*arguments, stdin=None, code=0):
    """The result of `isthmus *arguments`, whose exit code must be `code`."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(name="run", scope="session")
def _run():
    return run
