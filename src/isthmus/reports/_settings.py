"""What a model is, and the program that makes it and its report again."""

import importlib.metadata
import inspect
import platform
from collections.abc import Iterator
from typing import Any, NamedTuple

from isthmus._component import Component

from ._subject import Subject

__all__ = ["Setting", "Settings", "settings"]

_PACKAGES = ("isthmus", "jax", "numpy", "scikit-learn")
_MADE_BY_HAND = ("callbacks", "verbose")


class Setting(NamedTuple):
    """A name, its value, and what it would be when left out."""

    name: str
    value: str
    default: str


class Settings(NamedTuple):
    """The model's configuration.

    Attributes:
        changed: parameters that are not at their default.
        facts: names and values: parts, sizes, how training ended, packages.
        code: a program that makes model and page again.
        note: what the program does not fix.
    """

    changed: tuple[Setting, ...]
    facts: tuple[tuple[str, str], ...]
    code: str
    note: str


def settings(subject: Subject, options: dict[str, Any], *, has_training: bool) -> Settings:
    """Configuration and program.

    Args:
        subject: the model and its rows.
        options: what `report` was called with beside the model and its data.
        has_training: whether the rows that the model was fitted on were others.
    """
    model = subject.model
    changed = tuple(_changed(model))
    unseeded = "random_state" in model.get_params(deep=False) and model.get_params(deep=False)["random_state"] is None
    told = subject.is_conditional and has_training
    data = ["X", *(["y"] if subject.labels is not None else []), *(["training"] if has_training else []), *(["training_y"] if told else [])]
    note = "X stands for your data." if len(data) == 1 else f"{', '.join(data[:-1])} and {data[-1]} stand for your data."
    if unseeded:
        note += " The model has no random_state, so that another fit gives another model."
    return Settings(changed, tuple(_facts(subject)), _program(subject, changed, options, has_training=has_training), note)


def _changed(model: Any) -> Iterator[Setting]:
    defaults = {name: each.default for name, each in inspect.signature(type(model).__init__).parameters.items()}
    for name, value in model.get_params(deep=False).items():
        default = defaults.get(name, inspect.Parameter.empty)
        if _text(value) != _text(default) and name not in _MADE_BY_HAND:
            yield Setting(name, _text(value), "needed" if default is inspect.Parameter.empty else _text(default))


def _facts(subject: Subject) -> Iterator[tuple[str, str]]:
    core = subject.core
    yield "model", type(subject.model).__name__
    yield "rows", f"{subject.n_rows:,}"
    yield "shape of a row", " x ".join(map(str, subject.shape))
    yield "numbers in a code", str(subject.codes.shape[1])
    if hasattr(core, "summary"):
        summary = core.summary()
        yield from summary.parts.items()
        yield "learned numbers", f"{summary.n_parameters:,}"
        yield "bytes of them", f"{summary.n_bytes:,}"
    if hasattr(core, "stop_reason_"):
        yield "epochs", f"{core.n_epochs_}, the weights of epoch {core.best_epoch_} were kept; ended by {core.stop_reason_}"
        yield "seconds of the fit", f"{core.fit_seconds_:.3g}, of which {core.compile_seconds_:.3g} compiling"
    yield "seed", _text(subject.model.get_params(deep=False).get("random_state"))
    for package in _PACKAGES:
        yield package, importlib.metadata.version(package)
    yield "Python", platform.python_version()


def _program(subject: Subject, changed: tuple[Setting, ...], options: dict[str, Any], *, has_training: bool) -> str:
    model = subject.model
    names: dict[str, set[str]] = {}
    for cls in {type(model), *_classes(model.get_params(deep=True).values())}:
        names.setdefault(_home(cls), set()).add(cls.__name__)
    names.setdefault("isthmus", set()).add("report")
    lines = [f"from {home} import {', '.join(sorted(found))}" for home, found in sorted(names.items())]
    given = ", ".join(f"{setting.name}={setting.value}" for setting in changed)
    known = "training" if has_training else "X"
    data = f"{known}, {'training_y' if has_training else 'y'}" if subject.is_conditional else known
    labels = ", y" if subject.labels is not None else ""
    fitted = f"model = {type(model).__name__}({given}).fit({data})"
    density = [f"model.fit_density({data}, random_state={options['random_state']})"] if hasattr(model, "density_") else []
    more = ", training=training" if has_training else ""
    more += "".join(f", {name}={_text(value)}" for name, value in options.items())
    return "\n".join([*lines, "", fitted, *density, f'report(model, X{labels}, path="report.html"{more})'])


def _classes(values: Any) -> Iterator[type]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _classes(value)
        elif isinstance(value, Component) or hasattr(value, "get_params"):
            yield type(value)


def _home(cls: type) -> str:
    """The module that offers a class: the first words of its own that do not begin with an underscore."""
    words = cls.__module__.split(".")
    public = words[: next((place for place, word in enumerate(words) if word.startswith("_")), len(words))]
    return "isthmus" if public[:2] == ["isthmus", "estimators"] else ".".join(public)


def _text(value: Any) -> str:
    return " ".join(repr(value).split())
