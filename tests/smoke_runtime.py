"""What a user has right after `pip install isthmus`: run by a Python that has the required packages and nothing else.

It checks that nothing optional is needed to import every module, to fit, save and load a model, and to do so from the shell.
"""

import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path


def import_everything() -> None:
    """Every module loads, and the installed package is meant, with its mark for type checkers."""
    import isthmus

    folder = Path(isthmus.__file__).parent
    assert "site-packages" in folder.parts, f"{folder} is not an installed package"
    assert (folder / "py.typed").exists(), "py.typed was not packaged"
    assert isthmus.__version__ == importlib.metadata.version("isthmus")
    for module in pkgutil.walk_packages([str(folder)], "isthmus."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in isthmus.__all__:
        getattr(isthmus, name)


def fit_save_load(folder: Path) -> None:
    """A model is fitted, and read from its file it does the same."""
    import numpy as np

    from isthmus import Autoencoder, load

    X = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    model = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    model.save(folder / "model.isthmus")
    assert np.array_equal(load(folder / "model.isthmus").transform(X), model.transform(X))
    np.savetxt(folder / "table.csv", X, delimiter=",", header="a,b,c,d,e", comments="")


def speak_on_the_command_line(folder: Path) -> None:
    """The installed command fits and encodes a table, and names the extra that a Parquet file needs."""
    command = Path(sys.executable).with_name("isthmus")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([command, *words], cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    for words in (
        ["--version"],
        ["--help"],
        ["fit", "table.csv", "--latent-dim", "2", "--max-epochs", "2", "-o", "from_shell.isthmus"],
        ["info", "from_shell.isthmus"],
        ["encode", "from_shell.isthmus", "table.csv", "-o", "codes.csv"],
    ):
        finished = run(*words)
        assert finished.returncode == 0, f"isthmus {' '.join(words)}\n{finished.stdout}{finished.stderr}"
    assert len((folder / "codes.csv").read_text().splitlines()) == 65
    (folder / "table.parquet").write_bytes(b"")
    refused = run("encode", "from_shell.isthmus", "table.parquet", "-o", "codes.csv")
    assert refused.returncode == 1, refused
    assert "pip install 'isthmus[data]'" in refused.stderr, refused.stderr


if __name__ == "__main__":
    import_everything()
    with tempfile.TemporaryDirectory() as name:
        fit_save_load(Path(name))
        speak_on_the_command_line(Path(name))
    print("the required packages are enough")
