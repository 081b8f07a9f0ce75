"""What `pyproject.toml` promises, compared with what the code does."""

import ast
import importlib.metadata
import re
import sys

import pytest

import isthmus
from rules.imports import references
from rules.requirements import PROJECT, ROOT, modules_of, optional_modules, runtime_modules
from rules.source import Package, read_package

SOURCE = read_package(ROOT / "src" / "isthmus")
TESTS = read_package(ROOT / "tests")
EXTRAS = PROJECT["optional-dependencies"]
AT_HAND = set(sys.stdlib_module_names) | {"isthmus"}


def imported(package: Package) -> set[str]:
    """Other packages that are imported anywhere, also by their name in a string."""
    by_statement = {reference.package for reference in references(package)}
    return (by_statement | {module.partition(".")[0] for module, _ in named_modules(package)}) - AT_HAND


def named_modules(package: Package) -> list[tuple[str, str | None]]:
    """Modules that are imported by name, each with the extra that the call names."""
    calls = [node for file in package.files for node in ast.walk(file.tree) if isinstance(node, ast.Call)]
    loaders = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("import_module", "optional")]
    words = [[argument.value for argument in call.args if isinstance(argument, ast.Constant)] for call in loaders]
    return [(found[0], found[1] if len(found) > 1 else None) for found in words if found and not found[0].startswith((".", "isthmus"))]


def test_every_import_is_declared():
    assert imported(SOURCE) <= runtime_modules() | optional_modules()


def test_every_required_package_is_imported():
    assert runtime_modules() <= imported(SOURCE)


@pytest.mark.parametrize("extra", ["data", "image", "plot", "report"])
def test_every_optional_package_is_imported(extra):
    assert modules_of(EXTRAS[extra]) <= imported(SOURCE)


def test_an_optional_import_names_the_extra_that_has_it():
    named = [(module, extra) for module, extra in named_modules(SOURCE) if extra is not None]
    assert named
    assert [(module, extra) for module, extra in named if module.partition(".")[0] not in modules_of(EXTRAS.get(extra, []))] == []


def test_imports_by_name_are_seen():
    package = Package(
        {"data/_a.py": 'import importlib\n\n\ndef f():\n    importlib.import_module("torch.nn")\n    optional("pyarrow.csv", "data")\n'}
    )
    assert imported(package) == {"torch", "pyarrow"}
    assert named_modules(package) == [("torch.nn", None), ("pyarrow.csv", "data")]


def test_the_tests_import_what_the_extra_installs():
    own = {file.top for file in TESTS.files}
    allowed = runtime_modules() | optional_modules() | modules_of(EXTRAS["test"]) | own
    assert imported(TESTS) - allowed == set()


def test_every_requirement_has_a_lower_bound():
    requirements = [*PROJECT["dependencies"], *(requirement for extra in EXTRAS.values() for requirement in extra)]
    assert [item for item in requirements if not re.search(r">=|~=|==", item) and not item.startswith("isthmus[")] == []


def test_every_extra_that_is_mentioned_exists():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    mentioned = {name for page in pages for group in re.findall(r"isthmus\[([\w,]+)\]", page.read_text()) for name in group.split(",")}
    assert mentioned
    assert mentioned <= set(EXTRAS)


def test_the_version_has_one_source():
    assert isthmus.__version__ == importlib.metadata.version("isthmus") == PROJECT["version"]


def test_the_command_is_installed():
    (command,) = [entry for entry in importlib.metadata.distribution("isthmus").entry_points if entry.group == "console_scripts"]
    assert command.name == "isthmus"
    assert callable(command.load())


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "src" / "isthmus" / "py.typed").exists()


def test_the_changelog_speaks_of_this_version():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [heading.split()[0].strip("[]") for heading in headings if not heading.startswith("Unreleased")]
    assert headings[0] == "Unreleased" or released[0] == PROJECT["version"]


def test_no_file_speaks_of_the_machine_it_was_written_on():
    folders = ("src", "tests", "docs", "benchmarks", ".ci")
    kinds = {".py", ".md", ".toml", ".json", ".txt", ".html", ".svg", ""}
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file() and file.suffix in kinds]
    files += [file for file in ROOT.iterdir() if file.is_file() and file.suffix in kinds and file.name != ".git"]
    path = re.compile(r"(?<![\w.~])/(?:root|home|work|Users)/\w")
    assert len(files) > 50
    assert [str(file) for file in files if path.search(file.read_text(encoding="utf-8"))] == []
