"""What is promised: exports, signatures and docstrings."""

import ast
import inspect
import re
from collections.abc import Iterator

from rules.source import Class, File, Function, FunctionNode, Package, base_names

__all__ = ["RULES"]

_POSITIONALS = 8
_FOREIGN_SIGNATURES = {"get_params"}  # scikit-learn calls it with its own arguments
_PART_FOLDERS = (
    "architectures",
    "bottlenecks",
    "corruptions",
    "initializers",
    "losses",
    "optimizers",
    "pretraining",
    "priors",
    "regularizers",
)


def exports_are_listed(package: Package) -> list[str]:
    """Every folder and top-level file has a sorted `__all__` of exactly what it offers."""
    complaints = []
    for file in package.files:
        if file.folder and not file.is_init:
            continue
        offered = _offered(file)
        if file.exported is None:
            complaints.append(f"{file.path}: no `__all__`")
        elif file.exported != sorted(set(file.exported), key=_export_order):
            complaints.append(f"{file.path}: `__all__` is not sorted (constants, classes, functions), or has a name twice")
        elif file.top != "__init__" and offered != set(file.exported):
            complaints.append(f"{file.path}: `__all__` and what is offered differ by {sorted(offered ^ set(file.exported))}")
    return complaints


def exports_say_so_twice(package: Package) -> list[str]:
    """A folder's `__init__` exports with `from ._file import Name as Name`, which type checkers take for a promise."""
    return [
        f"{file.at(node)}: write `{alias.name} as {alias.name}`"
        for file in package.files
        if file.folder and file.is_init
        for node in _statements(file)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
        if alias.asname != alias.name
    ]


def signatures_are_short(package: Package) -> list[str]:
    """At most 8 parameters by position, and no boolean among them."""
    complaints = []
    for file in package.files:
        for function in file.functions:
            if function.is_public and function.node.name not in _FOREIGN_SIGNATURES:
                positional = [*function.parameters.posonlyargs, *function.parameters.args]
                flags = [name for name, default in _defaults(function.parameters).items() if isinstance(default, bool)]
                flags += [parameter.arg for parameter in positional if _is_flag(parameter.annotation)]
                complaints += _signature_faults(f"{file.at(function.node)}: `{function.node.name}`", len(positional), flags)
    for item in filter(package.is_component, package.classes):
        fields = {name: note for owner in (*package.ancestors(item)[::-1], item) for name, note in _positional_fields(owner).items()}
        flags = [name for name, note in fields.items() if _is_flag(note)]
        complaints += _signature_faults(f"{item.file.at(item.node)}: `{item.name}`", len(fields), flags)
    return complaints


def keys_are_keywords(package: Package) -> list[str]:
    """A random key is keyword-only and has no default, for two equal keys are a silent defect."""
    complaints = []
    for file in package.files:
        for function in file.functions:
            where, arguments = f"{file.at(function.node)}: `{function.node.name}`", function.node.args
            if function.is_public and any(map(_is_key, [*arguments.posonlyargs, *arguments.args])):
                complaints.append(f"{where} takes a key by position")
            keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if any(_is_key(parameter) and default is not None for parameter, default in keywords):
                complaints.append(f"{where} has a default key")
    return complaints


def public_things_have_docstrings(package: Package) -> list[str]:
    """Every public class, function and method says what it is; a method may leave that to the abstract class it fulfills."""
    complaints = [
        f"{item.file.at(item.node)}: `{item.name}` has no docstring"
        for item in package.classes
        if item.node in item.file.tree.body and not item.name.startswith("_") and not ast.get_docstring(item.node)
    ]
    owners = {item.node: item for item in package.classes}
    for file in package.files:
        for function in file.functions:
            node = function.node
            if not function.is_public or node.name.startswith("_") or ast.get_docstring(node) or _is_overload(node):
                continue
            ancestors = package.ancestors(owners[function.owner]) if function.owner else []
            fulfills = any(_documents(ancestor.node, node.name) for ancestor in ancestors)
            if not fulfills and not _derives_from_elsewhere(file, function):
                complaints.append(f"{file.at(node)}: `{node.name}` has no docstring")
    return complaints


def documented_arguments_are_the_signature(package: Package) -> list[str]:
    """Where a docstring lists arguments, they are those of the signature, in its order; a public estimator always lists them."""
    complaints = []
    for file in package.files:
        for function in file.functions:
            complaints += _argument_faults(file, function.node, _names(function.parameters))
    for item in package.classes:
        constructor = _method(item.node, "__init__")
        if constructor is not None:
            names = _names(Function(constructor, (item.node,)).parameters)
            complaints += _argument_faults(item.file, item.node, names)
            if item.file.folder == "estimators" and not item.name.startswith("_") and _listed(item.node, "Args", "Parameters") is None:
                complaints.append(f"{item.file.at(item.node)}: `{item.name}` lists no Parameters")
        elif item.fields:
            complaints += _argument_faults(item.file, item.node, list(item.fields))
    return complaints


def documented_attributes_are_the_fields(package: Package) -> list[str]:
    """Where a core class lists attributes, all of its own fields are there, and nothing else but inherited ones."""
    complaints = []
    for item in package.classes:
        listed = _google_names(ast.get_docstring(item.node) or "", "Attributes")
        if listed is None:
            continue
        inherited = {name for ancestor in package.ancestors(item) for name in ancestor.fields}
        own = [name for name in item.fields if not name.startswith("_") and name not in inherited]
        if [name for name in listed if name in own] != own or set(listed) - set(own) - inherited:
            complaints.append(f"{item.file.at(item.node)}: `{item.name}` has the fields {own} and documents {listed}")
    return complaints


def public_parts_have_examples(package: Package) -> list[str]:
    """Every part that a folder exports, every preset and everything at the root shows an example that runs."""
    complaints = []
    for name, file, node in _shown(package):
        if ">>> " not in (ast.get_docstring(node) or ""):
            complaints.append(f"{file.at(node)}: `{name}` has no example")
    return complaints


RULES = (
    exports_are_listed,
    exports_say_so_twice,
    signatures_are_short,
    keys_are_keywords,
    public_things_have_docstrings,
    documented_arguments_are_the_signature,
    documented_attributes_are_the_fields,
    public_parts_have_examples,
)


def _offered(file: File) -> set[str]:
    """The public names that a file defines, and that a folder's `__init__` passes on."""
    names = set()
    for node in _statements(file):
        if isinstance(node, ast.ClassDef | FunctionNode):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom) and node.level and file.is_init:
            names.update(alias.asname or alias.name for alias in node.names)
    return {name for name in names if not name.startswith("_") and not _is_type_variable(file, name)}


def _export_order(name: str) -> tuple[int, str]:
    """Ruff's order: constants, classes, everything else."""
    return 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name


def _statements(file: File) -> Iterator[ast.stmt]:
    """The statements at the top of a file, with those for type checkers: a folder that loads lazily has its imports there."""
    for node in file.tree.body:
        yield from node.body if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING") else [node]


def _is_type_variable(file: File, name: str) -> bool:
    return bool(re.search(rf"^{name} = (typing\.)?(TypeVar|ParamSpec)\(", file.text, re.MULTILINE))


def _signature_faults(where: str, n_positional: int, flags: list[str]) -> Iterator[str]:
    if n_positional > _POSITIONALS:
        yield f"{where} takes {n_positional} parameters by position"
    if flags:
        yield f"{where} takes {', '.join(dict.fromkeys(flags))} by position: a flag is a keyword"


def _is_flag(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) in ("bool", "bool | None")


def _is_key(parameter: ast.arg) -> bool:
    return parameter.annotation is not None and re.search(r"\bKey\b", ast.unparse(parameter.annotation)) is not None


def _positional_fields(item: Class) -> dict[str, ast.expr]:
    """The fields of a part's own body that its constructor takes by position."""
    found = {}
    for node in item.node.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if ast.unparse(node.annotation).endswith("KW_ONLY"):
                break
            if "ClassVar" not in ast.unparse(node.annotation):
                found[node.target.id] = node.annotation
    return found


def _defaults(arguments: ast.arguments) -> dict[str, object]:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    return {parameter.arg: default.value for parameter, default in pairs if isinstance(default, ast.Constant)}


def _names(arguments: ast.arguments) -> list[str]:
    names = [parameter.arg for parameter in (*arguments.posonlyargs, *arguments.args)]
    names += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    names += [parameter.arg for parameter in arguments.kwonlyargs]
    return names + ([f"**{arguments.kwarg.arg}"] if arguments.kwarg else [])


def _is_overload(node: FunctionNode) -> bool:
    return any(ast.unparse(decorator).rpartition(".")[2] in ("overload", "setter") for decorator in node.decorator_list)


def _derives_from_elsewhere(file: File, function: Function) -> bool:
    """Whether a method may fulfill another package's abstract class, as `click.ParamType`; estimators speak for themselves."""
    return (
        file.folder != "estimators" and function.owner is not None and any(isinstance(base, ast.Attribute) for base in function.owner.bases)
    )


def _method(node: ast.ClassDef, name: str) -> FunctionNode | None:
    return next((item for item in node.body if isinstance(item, FunctionNode) and item.name == name), None)


def _documents(node: ast.ClassDef, name: str) -> bool:
    method = _method(node, name)
    return method is not None and ast.get_docstring(method) is not None


def _argument_faults(file: File, node: ast.ClassDef | FunctionNode, names: list[str]) -> Iterator[str]:
    listed = _listed(node, "Args", "Parameters")
    # Both `*rest` and `rest` are in use for what a star collects.
    if listed is not None and [name.lstrip("*") for name in listed] != [name.lstrip("*") for name in names]:
        yield f"{file.at(node)}: `{node.name}` takes {names} and documents {listed}"


def _listed(node: ast.ClassDef | FunctionNode, google: str, numpydoc: str) -> list[str] | None:
    docstring = ast.get_docstring(node) or ""
    names = _google_names(docstring, google)
    return _numpydoc_names(docstring, numpydoc) if names is None else names


def _google_names(docstring: str, section: str) -> list[str] | None:
    """The names in a section such as `Args:`; None where the docstring has none."""
    lines = inspect.cleandoc(docstring).splitlines()
    if f"{section}:" not in lines:
        return None
    names = []
    for line in lines[lines.index(f"{section}:") + 1 :]:
        if line and not line.startswith(" "):
            break
        entry = re.match(r" {4}(\*{0,2}\w+)(?: \([^)]*\))?:", line)
        if entry:
            names.append(entry.group(1))
    return names


def _numpydoc_names(docstring: str, section: str) -> list[str] | None:
    """The names in a section such as `Parameters` that is underlined; None where the docstring has none."""
    lines = inspect.cleandoc(docstring).splitlines()
    heads = [number for number, line in enumerate(lines[1:]) if re.fullmatch(r"-{3,}", line)]
    start = next((number for number in heads if lines[number] == section), None)
    if start is None:
        return None
    end = min((number for number in heads if number > start), default=len(lines))
    entries = [line for line in lines[start + 2 : end] if line and not line.startswith(" ")]
    return [name.strip().replace("\\", "") for entry in entries for name in entry.partition(" : ")[0].split(",")]


def _shown(package: Package) -> Iterator[tuple[str, File, ast.ClassDef | FunctionNode]]:
    """The public classes and functions that owe their readers an example."""
    for item in package.classes:
        offer = package.public_file(item.file.top) if item.file.top in _PART_FOLDERS else None
        if package.is_component(item) and not item.is_abstract and offer and item.name in (offer.exported or ()):
            yield item.name, item.file, item.node
    root = package.by_path.get("__init__.py")
    at_root = [
        (name, package.home(top, name)) for name in (root.exported or () if root else ()) for top in sorted(package.tops - {"__init__"})
    ]
    presets = [(name, file) for file in package.files if file.top == "presets" for name in file.exported or ()]
    for name, file in [*at_root, *presets]:
        if file is None or file.top == "errors":
            continue
        for node in file.tree.body:
            is_exception = isinstance(node, ast.ClassDef) and any(base.endswith(("Error", "Warning")) for base in base_names(node))
            if isinstance(node, ast.ClassDef | FunctionNode) and node.name == name and not is_exception:
                yield name, file, node
