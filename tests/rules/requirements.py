"""What `pyproject.toml` declares, by the names under which packages are imported."""

import re
import tomllib
from pathlib import Path

__all__ = ["PROJECT", "ROOT", "modules_of", "optional_modules", "requirement_names", "runtime_modules"]

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

_MODULES = {
    "mlflow-skinny": "mlflow",
    "pillow": "PIL",
    "pytest-xdist": "xdist",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
}


def requirement_names(requirements: list[str]) -> set[str]:
    """The distributions that the requirements name, without extras, versions and the project itself."""
    names = {re.match(r"[A-Za-z0-9._-]+", requirement).group().lower() for requirement in requirements}
    return names - {PROJECT["name"]}


def modules_of(requirements: list[str]) -> set[str]:
    """The modules that the requirements install, by their usual names."""
    return {_MODULES.get(name, name.replace("-", "_")) for name in requirement_names(requirements)}


def runtime_modules() -> set[str]:
    """What every installation has."""
    return modules_of(PROJECT["dependencies"])


def optional_modules(*, without: tuple[str, ...] = ("test", "dev")) -> set[str]:
    """What the extras for users add."""
    extras = PROJECT["optional-dependencies"]
    return set().union(*(modules_of(requirements) for name, requirements in extras.items() if name not in without))
