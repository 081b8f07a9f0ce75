"""How long, how deep and how often."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from rules.source import Class, File, FunctionNode, Package

__all__ = ["RULES"]

_FILE_LINES, _FUNCTION_LINES, _EQUAL_LINES = 400, 60, 8

# Abstract classes that refine another abstract class of the package, each with its reason.
REFINEMENTS = {
    "AbstractAdversary": "both adversaries have a discriminator of one form, drawn and taught alike",
    "AbstractClusters": "penalties by clusters of codes have weights of one origin, which `LatentMixture` sets by closed forms",
    "AbstractCodebook": "one codebook and a chain of codebooks share all but how many there are",
    "AbstractConvolutional": "convolutions over one axis and over two share all but how many axes there are",
    "AbstractLikelihood": "a loss that is a probability: the estimators ask by its class whether rows have one",
    "AbstractSparse": "three rules of which units are in use share what becomes of those that never are",
    "AbstractProximal": "a regularizer whose penalty has a kink: the model treats it differently, and asks by its class",
}

_TRACED = {"float", "Positive", "NonNegative", "Fraction", "Share"}
_COMPILERS = {"jit", "filter_jit", "pmap", "filter_pmap"}
_CACHES = {"cache", "lru_cache"}


def files_are_short(package: Package) -> list[str]:
    """At most 400 code lines a file."""
    return [f"{file.path}: {len(file.code_lines)} code lines" for file in package.files if len(file.code_lines) > _FILE_LINES]


def functions_are_short(package: Package) -> list[str]:
    """At most 60 code lines a function; a constructor that only stores its arguments, as scikit-learn asks, may have more."""
    complaints = []
    for file in package.files:
        for function in file.functions:
            node = function.node
            length = sum(node.lineno <= line <= node.end_lineno for line in file.code_lines)
            if length > _FUNCTION_LINES and not _only_stores(node):
                complaints.append(f"{file.at(node)}: `{node.name}` has {length} code lines")
    return complaints


def _only_stores(node: FunctionNode) -> bool:
    """Whether every statement is `self.name = name`."""
    return node.name == "__init__" and all(
        isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Name)
        and [ast.unparse(target) for target in each.targets] == [f"self.{each.value.id}"]
        for each in node.body
    )


def code_is_written_once(package: Package) -> list[str]:
    """No run of 8 equal code lines in two places, imports and docstrings apart."""
    places: dict[tuple[str, ...], list[tuple[File, int]]] = defaultdict(list)
    for file in package.files:
        numbers = [number for number in file.code_lines if number not in _import_lines(file)]
        for start in range(len(numbers) - _EQUAL_LINES + 1):
            window = numbers[start : start + _EQUAL_LINES]
            places[tuple(file.code_lines[number] for number in window)].append((file, window[0]))
    repeated = [" and ".join(file.at(number) for file, number in found) for found in places.values() if len(found) > 1]
    return [f"{where}: {_EQUAL_LINES} equal lines" for where in repeated]


def classes_are_abstract_or_final(package: Package) -> list[str]:
    """Nothing derives from a class that can be built, and abstract classes refine each other only as REFINEMENTS says."""
    complaints = []
    for item in package.classes:
        if item.file.top == "errors":  # an exception tree is drawn to be caught at every height
            continue
        for base in package.bases(item):
            if not base.is_abstract:
                complaints.append(f"{item.file.at(item.node)}: `{item.name}` derives from `{base.name}`, which is not abstract")
            elif item.is_abstract and base.name != "Component" and item.name not in REFINEMENTS:
                complaints.append(f"{item.file.at(item.node)}: `{item.name}` puts a third storey on `{base.name}`")
    return complaints


def nobody_calls_super(package: Package) -> list[str]:
    """No `super()` outside `estimators` and `_component.py`."""
    return [
        f"{file.at(node)}: `super()`: the method you read should be the method that runs"
        for file in package.files
        if file.top not in ("estimators", "_component")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    ]


def compiled_functions_are_module_level(package: Package) -> list[str]:
    """`jit` stands at module level or in a builder with a cache, never in a method or a plain function."""
    return [
        f"{file.at(node)}: compiled anew at each call: move it to module level or into a cached builder"
        for file in package.files
        for node in _compilations(file.tree, inside=False)
    ]


def traced_fields_are_not_branched_on(package: Package) -> list[str]:
    """No `if self.rate` on a float field: it is a tracer in the compiled program. `is None` is structure and may be asked."""
    complaints = []
    for item in filter(package.is_component, package.classes):
        traced = set().union(*(_traced_fields(owner) for owner in (item, *package.ancestors(item))))
        methods = [
            method for method in item.node.body if isinstance(method, FunctionNode) and method.name not in ("check", "__post_init__")
        ]
        complaints.extend(
            f"{item.file.at(test)}: a branch on the traced field `{item.name}.{field}`"
            for method in methods
            for test in _tests(method)
            for field in _bare_fields(test, traced)
        )
    return list(dict.fromkeys(complaints))


def files_are_named_for_what_they_know(package: Package) -> list[str]:
    """Inside a folder every file starts with an underscore; nothing is called utils, misc or helpers."""
    complaints = []
    for file in package.files:
        words = set(re.split(r"[_/.]", str(file.path)))
        if file.folder and not file.path.name.startswith("_"):
            complaints.append(f"{file.path}: begin the name with an underscore")
        if words & {"utils", "util", "misc", "helpers", "helper"}:
            complaints.append(f"{file.path}: name it for what it knows")
        if len(file.path.parts) > 2:
            complaints.append(f"{file.path}: folders have no folders")
    return complaints


def comments_are_plain(package: Package) -> list[str]:
    """No rulers and banners; an ignored check names its rule, and its reason in a comment behind."""
    complaints = []
    for file in package.files:
        for number, comment in file.comments:
            if re.search(r"([-=#*~_/])\1{3,}", comment):
                complaints.append(f"{file.at(number)}: a ruler")
            if re.search(r"type:\s*ignore|pyright:|noqa", comment) and not re.search(
                r"(pyright: ignore\[\w+(, \w+)*\]|noqa: [A-Z]+\d+(, [A-Z]+\d+)*)\s+#\s*\S+", comment
            ):
                complaints.append(f"{file.at(number)}: an ignore without its rule or its reason")
    return complaints


RULES = (
    files_are_short,
    functions_are_short,
    code_is_written_once,
    classes_are_abstract_or_final,
    nobody_calls_super,
    compiled_functions_are_module_level,
    traced_fields_are_not_branched_on,
    files_are_named_for_what_they_know,
    comments_are_plain,
)


def _import_lines(file: File) -> set[int]:
    imports = [node for node in ast.walk(file.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {line for node in imports for line in range(node.lineno, node.end_lineno + 1)}


def _last_word(node: ast.AST) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _compilations(node: ast.AST, *, inside: bool) -> Iterator[ast.AST]:
    """The uses of a compiler that run each time a function is called, or that take a method's `self` for an array."""
    if inside and isinstance(node, ast.Name | ast.Attribute) and _last_word(node) in _COMPILERS:
        yield node
        return
    if isinstance(node, FunctionNode):
        for decorator in node.decorator_list:
            yield from _compilations(decorator, inside=inside)
        # Whatever a cached builder does, it does once for each of its arguments.
        if inside or not {_last_word(decorator) for decorator in node.decorator_list} & _CACHES:
            for child in node.body:
                yield from _compilations(child, inside=True)
        return
    for child in ast.iter_child_nodes(node):
        yield from _compilations(child, inside=inside or isinstance(node, ast.ClassDef | ast.Lambda))


def _traced_fields(item: Class) -> set[str]:
    def is_traced(annotation: ast.expr) -> bool:
        words = {_last_word(node) for node in ast.walk(annotation)}
        # Of a tuple of floats the length is structure, and whether it is empty may be asked.
        return bool(words & _TRACED) and not words & {"ClassVar", "Literal", "tuple"}

    return {name for name, annotation in item.fields.items() if is_traced(annotation)}


def _tests(function: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            yield node.test
        elif isinstance(node, ast.BoolOp):
            yield node
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand


def _bare_fields(test: ast.expr, fields: set[str]) -> Iterator[str]:
    """The fields of `self` in a test, except where they are only compared with None."""
    if isinstance(test, ast.Compare) and all(isinstance(operator, ast.Is | ast.IsNot) for operator in test.ops):
        return
    if isinstance(test, ast.Attribute) and isinstance(test.value, ast.Name) and test.value.id == "self" and test.attr in fields:
        yield test.attr
    for child in ast.iter_child_nodes(test):
        if isinstance(child, ast.expr):
            yield from _bare_fields(child, fields)
