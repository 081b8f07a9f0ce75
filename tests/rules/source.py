"""Source code as the rules see it: files by path, their syntax trees and the lines that hold code.

A rule is a function from a `Package` to complaints, so that a rule is tested on a `Package` of a few lines of bad code.
"""

import ast
import functools
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["Class", "File", "Function", "FunctionNode", "Package", "base_names", "read_package"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}


@dataclass(frozen=True)
class Function:
    """A function together with the classes and functions around it, outermost first."""

    node: FunctionNode
    inside: tuple[ast.AST, ...]

    @property
    def owner(self) -> ast.ClassDef | None:
        """The class whose body holds the function."""
        return self.inside[-1] if self.inside and isinstance(self.inside[-1], ast.ClassDef) else None

    @property
    def is_public(self) -> bool:
        """Whether users may call it: no underscore in its name or around it, and not inside another function."""
        around = [node.name for node in self.inside if isinstance(node, ast.ClassDef)]
        dunder = self.node.name.startswith("__") and self.node.name.endswith("__")
        return (
            (dunder or not self.node.name.startswith("_"))
            and not any(name.startswith("_") for name in around)
            and len(around) == len(self.inside)
        )

    @property
    def parameters(self) -> ast.arguments:
        """The parameters without `self` or `cls`."""
        arguments = self.node.args
        if self.owner is None or any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in self.node.decorator_list):
            return arguments
        positional = [*arguments.posonlyargs, *arguments.args][1:]
        return ast.arguments(
            [], positional, arguments.vararg, arguments.kwonlyargs, arguments.kw_defaults, arguments.kwarg, arguments.defaults
        )


@dataclass(frozen=True)
class File:
    """One file of a package: its path below the package, and its text."""

    path: PurePosixPath
    text: str = field(repr=False)

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def folder(self) -> str:
        """The first folder of the path, or nothing for a file at the top."""
        return self.path.parts[0] if len(self.path.parts) > 1 else ""

    @property
    def top(self) -> str:
        """The folder or the file at the top of the package that this file belongs to."""
        return self.folder or self.path.stem

    @property
    def is_init(self) -> bool:
        return self.path.name == "__init__.py"

    @functools.cached_property
    def docstrings(self) -> list[ast.Expr]:
        """The statements that are docstrings."""
        holders = [node for node in ast.walk(self.tree) if isinstance(node, ast.Module | ast.ClassDef | FunctionNode)]
        bodies = [node.body for node in holders if node.body]
        return [body[0] for body in bodies if isinstance(body[0], ast.Expr) and isinstance(getattr(body[0].value, "value", None), str)]

    @functools.cached_property
    def code_lines(self) -> dict[int, str]:
        """The lines that hold code, by number and without comments; docstrings, comments and blank lines do not count."""
        documentation = {line for node in self.docstrings for line in range(node.lineno, node.end_lineno + 1)}
        lines = self.text.splitlines()
        comments, code = {}, set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.start[1]
            elif token.type not in _NO_CODE:
                code.update(range(token.start[0], token.end[0] + 1))
        return {number: lines[number - 1][: comments.get(number)].strip() for number in sorted(code - documentation)}

    @property
    def comments(self) -> Iterator[tuple[int, str]]:
        """The comments, each with its line number."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string

    @functools.cached_property
    def functions(self) -> list[Function]:
        return list(_functions(self.tree, ()))

    @functools.cached_property
    def exported(self) -> list[str] | None:
        """The names in `__all__` in their order, empty where it is computed; None where there is none."""
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                names = node.value.elts if isinstance(node.value, ast.List) else []
                return [name.value for name in names if isinstance(name, ast.Constant)]
        return None

    def at(self, node: ast.AST | int) -> str:
        """Where a complaint lies, for its message."""
        return f"{self.path}:{node if isinstance(node, int) else node.lineno}"


@dataclass(frozen=True)
class Class:
    """A class and the file that has it."""

    file: File
    node: ast.ClassDef

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def is_abstract(self) -> bool:
        """Whether its name says that it has no instances."""
        return self.name.lstrip("_").startswith("Abstract") or self.name == "Component"

    @property
    def fields(self) -> dict[str, ast.expr]:
        """The fields of its own body, with their annotations."""
        found = [item for item in self.node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]
        return {item.target.id: item.annotation for item in found if item.target.id != "_"}


class Package:
    """Files by path.

    Args:
        texts: path below the package, with slashes, to the text of the file.
    """

    def __init__(self, texts: dict[str, str]) -> None:
        self.files = [File(PurePosixPath(path), text) for path, text in sorted(texts.items())]
        self.by_path = {str(file.path): file for file in self.files}

    @functools.cached_property
    def tops(self) -> set[str]:
        """The folders and the files at the top."""
        return {file.top for file in self.files}

    @functools.cached_property
    def classes(self) -> list["Class"]:
        """Every class of the package."""
        found = [Class(file, node) for file in self.files for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef)]
        return sorted(found, key=lambda item: (str(item.file.path), item.node.lineno))

    def bases(self, item: "Class") -> list["Class"]:
        """The package's own classes that `item` derives from directly; of equal names the nearest is meant."""
        found = []
        for name in base_names(item.node):
            namesakes = [other for other in self.classes if other.name == name and other != item]
            distance = {other: (other.file != item.file, other.file.top != item.file.top) for other in namesakes}
            found.extend(sorted(namesakes, key=distance.__getitem__)[:1])
        return found

    def ancestors(self, item: "Class") -> list["Class"]:
        """The package's own classes that `item` derives from, the nearest first."""
        direct = self.bases(item)
        return list(dict.fromkeys([*direct, *(farther for base in direct for farther in self.ancestors(base))]))

    def is_component(self, item: "Class") -> bool:
        """Whether a class's floats are traced, as those of every part are."""
        return any(ancestor.name == "Component" for ancestor in self.ancestors(item))

    def home(self, top: str, name: str) -> File | None:
        """The file that defines `name`, which the folder or top-level file `top` exports."""
        offer = self.public_file(top)
        if offer is None or name not in (offer.exported or ()):
            return None
        sources = [node for node in ast.walk(offer.tree) if isinstance(node, ast.ImportFrom) and node.level and node.module]
        stems = [node.module for node in sources if any(alias.name == name for alias in node.names)]
        return self.by_path.get(f"{top}/{stems[0]}.py") if stems else offer

    def public_file(self, top: str) -> File | None:
        """The file whose `__all__` says what the folder or top-level file `top` offers."""
        return self.by_path.get(f"{top}/__init__.py") or self.by_path.get(f"{top}.py")


def read_package(folder: Path) -> Package:
    """The package in `folder`."""
    return Package({file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.py"))})


def base_names(node: ast.ClassDef) -> list[str]:
    """The last word of each base of a class: `AbstractLoss` for `losses.AbstractLoss[Weights]`."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return [base.attr if isinstance(base, ast.Attribute) else base.id for base in bases if isinstance(base, ast.Attribute | ast.Name)]


def _functions(node: ast.AST, inside: tuple[ast.AST, ...]) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            yield Function(child, inside)
        yield from _functions(child, (*inside, child) if isinstance(child, ast.ClassDef | FunctionNode) else inside)
