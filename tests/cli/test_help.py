import subprocess
import sys

import pytest

import isthmus.cli._main
from isthmus.cli._choices import parameter_defaults, part_names

HEAVY = ("equinox", "jax", "numpy", "optax", "pandas", "pyarrow", "rich", "scipy", "sklearn")
COMMANDS = isthmus.cli._main._COMMANDS


def loaded_after(*arguments, heavy):
    """Which of the packages `heavy` a fresh process has imported when `isthmus *arguments` ends."""
    program = f"""
import sys
from isthmus.cli import main
main({list(arguments)!r}, standalone_mode=False)
print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("arguments", [("--help",), *((name, "--help") for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    process = loaded_after(*arguments, heavy=HEAVY)
    assert process.stdout.startswith("Usage: ")
    assert process.stderr == "\n"


def test_info_imports_neither_jax_nor_scikit_learn(model):
    process = loaded_after("info", model, heavy=("equinox", "jax", "optax", "sklearn"))
    assert "autoencoder" in process.stdout
    assert process.stderr == "\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_lists_the_exit_codes_and_debug(run, name):
    text = run(name, "--help").stdout
    for line in ("0    success", "1    the run failed", "2    wrong usage", "3    a model file", "130  interrupted", "--debug"):
        assert line in text


def test_the_main_page_lists_every_command_with_a_whole_sentence(run):
    lines = run("--help").stdout.split("Commands:")[1].splitlines()
    for name in COMMANDS:
        line = next(line.strip() for line in lines if line.strip().startswith(f"{name} "))
        assert line.endswith(".")
        assert not line.endswith("...")


def test_help_of_fit_names_the_choices_and_the_defaults(run):
    text = " ".join(run("fit", "--help").stdout.split())
    defaults = parameter_defaults()
    for role in ("architecture", "bottleneck", "loss", "optimizer"):
        assert f"One of: {', '.join(part_names(role))}. [default: {defaults[role]}]" in text
    assert f"One of: {', '.join(part_names('regularizer'))}." in text
    assert f"Rows held out to find the best epoch by. [default: {defaults['validation_fraction']}]" in text


def test_the_version_is_that_of_the_installed_package(run, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", {"isthmus": "12.3"}.__getitem__)
    assert run("--version").stdout == "12.3\n"


def test_an_unknown_command_is_wrong_usage(run):
    assert "No such command 'train'" in run("train", code=2).stderr


def test_python_dash_m_is_the_same_command():
    process = subprocess.run([sys.executable, "-m", "isthmus", "--help"], capture_output=True, text=True, check=True)
    assert process.stdout.startswith("Usage: isthmus ")
