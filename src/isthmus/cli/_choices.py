"""What may be chosen, read from the package's syntax trees, so that `--help` waits for no import.

```
loss ──> losses/__init__.py: __all__ ──> the folder's files: class SquaredError(AbstractLoss) ──> `squared_error`
```
A name counts when it is exported, is not abstract, and has the role's abstract class among its ancestors.
"""

import ast
import functools
import re
from pathlib import Path
from typing import Any

__all__ = ["ROLES", "literal_words", "parameter_defaults", "part_names"]

_PACKAGE = Path(__file__).parents[1]

# The role -> the folder of its parts and their abstract class.
ROLES = {
    "architecture": ("architectures", "AbstractArchitecture"),
    "bottleneck": ("bottlenecks", "AbstractBottleneck"),
    "corruption": ("corruptions", "AbstractCorruption"),
    "loss": ("losses", "AbstractLoss"),
    "optimizer": ("optimizers", "AbstractOptimizer"),
    "regularizer": ("regularizers", "AbstractRegularizer"),
    "scaling": ("data", "AbstractScaling"),
}


@functools.cache
def part_names(role: str) -> tuple[str, ...]:
    """The names of the parts that `role` may be, sorted.

    Args:
        role: a key of `ROLES`.

    Example:
        >>> "squared_error" in part_names("loss")
        True
    """
    folder, base = ROLES[role]
    bases = _bases(_PACKAGE / folder)
    parts = [name for name in _exported(_PACKAGE / folder / "__init__.py") if not name.startswith("Abstract")]
    return tuple(sorted(_snake_case(name) for name in parts if base in _ancestors(name, bases)))


def literal_words(file: str, name: str) -> tuple[str, ...]:
    """The words of `Literal[...]` in the alias or the annotation of `name`.

    Args:
        file: at the top of the package.
        name: of a type alias or a field in it.

    Example:
        >>> literal_words("model.py", "precision")
        ('float32', 'bfloat16')
    """
    for node in ast.walk(_parsed(_PACKAGE / file)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            literals = (inner for inner in ast.walk(node) if isinstance(inner, ast.Subscript) and ast.unparse(inner.value) == "Literal")
            if words := tuple(word for literal in literals for word in ast.literal_eval(literal.slice)):
                return words
    raise LookupError(f"{file} has no {name!r} that is a Literal")


@functools.cache
def parameter_defaults() -> dict[str, Any]:
    """The defaults of the estimator's parameters, by name.

    Example:
        >>> parameter_defaults()["scaling"]
        'auto'
    """
    tree = _parsed(_PACKAGE / "estimators" / "_autoencoder.py")
    estimator = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Autoencoder")
    constructor = next(node for node in estimator.body if isinstance(node, ast.FunctionDef) and node.name == "__init__").args
    pairs = zip(constructor.kwonlyargs, constructor.kw_defaults, strict=True)
    return {argument.arg: ast.literal_eval(default) for argument, default in pairs if default is not None}


def _exported(file: Path) -> list[str]:
    for node in _parsed(file).body:
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets):
            return ast.literal_eval(node.value)
    return []


def _bases(folder: Path) -> dict[str, list[str]]:
    """Each class of a folder's files with the names of the classes that it derives from."""
    classes = (node for file in sorted(folder.glob("_*.py")) for node in _parsed(file).body if isinstance(node, ast.ClassDef))
    return {node.name: [base.id for base in node.bases if isinstance(base, ast.Name)] for node in classes}


def _ancestors(name: str, bases: dict[str, list[str]]) -> set[str]:
    found = set(bases.get(name, ()))
    return found.union(*(_ancestors(base, bases) for base in found))


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _snake_case(name: str) -> str:
    # The rule of `isthmus._component.part_name`, which cannot be imported without JAX; a test holds the two together.
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
