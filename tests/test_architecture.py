"""The limits of ARCHITECTURE.md, held by reading the syntax trees; and each rule caught in the act on a few lines of bad code."""

import os
import subprocess
import sys

import pytest

from rules import documentation, imports, shape
from rules.imports import references
from rules.requirements import ROOT
from rules.samples import BAD, GOOD
from rules.source import Package, read_package

RULES = {rule.__name__: rule for module in (imports, shape, documentation) for rule in module.RULES}
SOURCE = ROOT / "src" / "isthmus"
HEAVY = ("jax", "numpy", "scipy", "sklearn", "equinox", "optax", "pandas", "polars", "pyarrow", "matplotlib")


@pytest.fixture(scope="module")
def package() -> Package:
    return read_package(SOURCE)


@pytest.mark.parametrize("name", RULES)
def test_the_package_keeps_the_rule(name, package):
    complaints = RULES[name](package)
    assert not complaints, f"{RULES[name].__doc__}\n" + "\n".join(complaints)


@pytest.mark.parametrize("name", RULES)
def test_the_rule_lets_good_code_pass(name):
    assert RULES[name](Package(GOOD[name])) == []


@pytest.mark.parametrize(("name", "number"), [(name, number) for name in RULES for number in range(len(BAD.get(name, ())))])
def test_the_rule_sees_bad_code(name, number):
    assert len(RULES[name](Package(BAD[name][number]))) == 1


def test_every_rule_has_samples():
    assert set(GOOD) == set(BAD) == set(RULES)
    assert all(BAD.values())


def test_the_package_was_found(package):
    assert {"losses", "bottlenecks", "model", "_component"} <= package.tops


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in an interpreter of its own, which finds the package of this checkout."""
    path = os.pathsep.join(filter(None, [str(SOURCE.parent), os.environ.get("PYTHONPATH", "")]))
    variables = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def heavy_imports(code: str) -> list[str]:
    """The large packages that are loaded once `code` has run."""
    finished = run_python(f"import sys\n{code}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()[-1].split()


def test_importing_the_package_loads_nothing_large():
    assert heavy_imports("import isthmus") == []


def test_loading_something_large_would_be_seen():
    assert "numpy" in heavy_imports("import numpy")


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["encode", "--help"], ["demo", "--help"], ["--version"]])
def test_help_loads_nothing_large(arguments):
    assert heavy_imports(f"from isthmus.cli import main\nmain({arguments!r}, prog_name='isthmus', standalone_mode=False)") == []


EVERY_MODULE = sorted(
    ".".join(("isthmus", *file.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for file in SOURCE.rglob("*.py")
    if file.name != "__main__.py"
)
IMPORT_EVERYTHING = f"import importlib\nfor name in {EVERY_MODULE!r}:\n    importlib.import_module(name)\n"
# JAX says no to the first question about a device when it is told to use a platform that does not exist.
NO_DEVICES = {"JAX_PLATFORMS": "no_such_platform"}


def test_importing_touches_no_device():
    finished = run_python(IMPORT_EVERYTHING, **NO_DEVICES)
    assert finished.returncode == 0, finished.stderr


def test_touching_a_device_would_be_seen():
    assert run_python("import jax\njax.numpy.zeros(1)", **NO_DEVICES).returncode != 0


def test_importing_changes_no_setting(package):
    others = sorted(
        {item.module for item in references(package) if item.package != "isthmus" and not item.in_function and not item.for_types}
    )
    code = (
        "import importlib, random, warnings\n"
        "import jax, numpy\n"
        f"for name in {others!r}:\n    importlib.import_module(name)\n"
        "def settings():\n"
        "    draws = random.getstate(), numpy.random.get_state()[1].tolist()\n"
        "    return dict(jax.config.values), numpy.geterr(), list(warnings.filters), draws\n"
        "before = settings()\n"
    )
    finished = run_python(f"{code}{IMPORT_EVERYTHING}assert before == settings()\n")
    assert finished.returncode == 0, finished.stderr


def test_every_public_name_resolves():
    check = (
        "import isthmus\n"
        "assert set(isthmus.__all__) <= set(dir(isthmus))\n"
        "for name in isthmus.__all__:\n    getattr(isthmus, name)\n"
        "for name in {modules!r}:\n"
        "    module = importlib.import_module(name)\n"
        "    missing = [export for export in getattr(module, '__all__', ()) if not hasattr(module, export)]\n"
        "    assert not missing, (name, missing)\n"
    )
    finished = run_python(IMPORT_EVERYTHING + check.format(modules=EVERY_MODULE))
    assert finished.returncode == 0, finished.stderr
