"""Who may import whom."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rules.requirements import runtime_modules
from rules.source import File, FunctionNode, Package

__all__ = ["LAYERS", "RULES", "Reference", "references"]

_ROOT = "isthmus"

# Lowest first. A file imports from the rows above its own, and from its own folder.
LAYERS = (
    ("errors", "_types"),
    ("_activations", "_autoregressive", "_component", "_files", "_gaussians", "_numerics", "_optional", "_tree"),
    ("initializers",),
    ("architectures", "bottlenecks", "corruptions", "losses", "optimizers", "priors", "regularizers"),
    ("data", "model"),
    ("mixtures", "pretraining", "training"),
    ("persistence",),
    ("estimators", "presets"),
    ("codec", "evaluation", "metrics"),
    ("reports", "tuning"),
    ("cli",),
    ("__init__", "__main__"),
)
_HEIGHTS = {top: height for height, row in enumerate(LAYERS) for top in row}

# Neighbors on a layer that one of them may import, each with its reason.
NEIGHBORS = {
    ("bottlenecks", "priors"): "a bottleneck charges its codes against the prior that it is handed",
    ("presets", "estimators"): "a preset returns an estimator",
    ("evaluation", "metrics"): "a table of results is a table of metrics",
}

_AUTOENCODER = {"architectures", "bottlenecks", "corruptions", "losses", "model", "priors", "regularizers"}
STRANGERS = {"training": _AUTOENCODER, "mixtures": _AUTOENCODER - {"priors"}}


@dataclass(frozen=True)
class Reference:
    """One imported module: its absolute name, the names taken from it, and when the import happens."""

    file: File
    node: ast.Import | ast.ImportFrom
    module: str
    names: tuple[str, ...]
    in_function: bool
    for_types: bool

    @property
    def level(self) -> int:
        return getattr(self.node, "level", 0)

    @property
    def package(self) -> str:
        """The first word of the module."""
        return self.module.partition(".")[0]

    @property
    def top(self) -> str | None:
        """The folder or top-level file of this package that is imported; None for other packages and for the root itself."""
        words = self.module.split(".")
        return words[1] if words[0] == _ROOT and len(words) > 1 else None


def references(package: Package) -> Iterator[Reference]:
    """Every import of the package; `from isthmus import losses` counts as an import of `isthmus.losses`."""
    for file in package.files:
        for node, in_function, for_types in _imports(file.tree, in_function=False, for_types=False):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Reference(file, node, alias.name, (), in_function, for_types)
                continue
            module = _absolute(file, node)
            names = [alias.name for alias in node.names]
            submodules = [name for name in names if module == _ROOT and name in package.tops]
            for name in submodules:
                yield Reference(file, node, f"{_ROOT}.{name}", (), in_function, for_types)
            if len(submodules) < len(names):
                yield Reference(file, node, module, tuple(name for name in names if name not in submodules), in_function, for_types)


def every_file_has_a_layer(package: Package) -> list[str]:
    """Every folder and top-level file stands on a layer."""
    return [f"{top}: give it a place in LAYERS" for top in sorted(package.tops) if top not in _HEIGHTS]


def imports_point_down(package: Package) -> list[str]:
    """A file imports from lower layers and its own folder; neighbors on a layer only as NEIGHBORS says."""
    complaints, used = [], set()
    for reference in references(package):
        importer, imported = reference.file.top, reference.top
        if imported is None or importer == imported or importer not in _HEIGHTS or imported not in _HEIGHTS:
            continue
        used.add((importer, imported))
        if _HEIGHTS[importer] < _HEIGHTS[imported] or (
            _HEIGHTS[importer] == _HEIGHTS[imported] and (importer, imported) not in NEIGHBORS and not _is_foundation(importer)
        ):
            complaints.append(f"{reference.file.at(reference.node)}: `{importer}` may not import `{imported}`")
    unused = [pair for pair in NEIGHBORS if set(pair) <= package.tops and pair not in used]
    return complaints + [f"NEIGHBORS lists {pair}, which nobody uses: take it out" for pair in unused]


def trainers_know_no_autoencoders(package: Package) -> list[str]:
    """`training` and `mixtures` train anything: they import nothing that is an autoencoder's."""
    found = [reference for reference in references(package) if reference.top in STRANGERS.get(reference.file.top, ())]
    return [f"{reference.file.at(reference.node)}: `{reference.file.top}` imports `{reference.top}`" for reference in found]


def imports_go_by_public_name(package: Package) -> list[str]:
    """Own folder relatively; others absolutely and by a name in their `__all__`; the root and `*` never."""
    complaints = []
    for reference in references(package):
        fault = _naming_fault(package, reference)
        if fault and reference.file.top not in ("__init__", "__main__"):
            complaints.append(f"{reference.file.at(reference.node)}: {fault}")
    return complaints


def imports_have_no_cycles(package: Package) -> list[str]:
    """No file imports itself through others, whenever the imports happen."""
    graph: dict[str, set[str]] = {str(file.path): set() for file in package.files}
    for reference in references(package):
        graph[str(reference.file.path)].update(_targets(package, reference) - {"__init__.py"})
    return [" -> ".join(cycle) for cycle in _cycles(graph)]


def scikit_learn_stays_above(package: Package) -> list[str]:
    """scikit-learn is imported in `estimators` and above only."""
    below = [
        reference
        for reference in references(package)
        if reference.package == "sklearn" and _HEIGHTS.get(reference.file.top, 0) < _HEIGHTS["estimators"]
    ]
    return [f"{reference.file.at(reference.node)}: scikit-learn below `estimators`" for reference in below]


def optional_packages_wait(package: Package) -> list[str]:
    """At the head of a file stand the standard library and required dependencies; other packages are imported inside functions."""
    at_hand = set(sys.stdlib_module_names) | runtime_modules() | {_ROOT}
    early = [
        reference
        for reference in references(package)
        if reference.package not in at_hand and not reference.in_function and not reference.for_types
    ]
    return [f"{reference.file.at(reference.node)}: `{reference.package}` is optional: import it where it is used" for reference in early]


RULES = (
    every_file_has_a_layer,
    imports_point_down,
    trainers_know_no_autoencoders,
    imports_go_by_public_name,
    imports_have_no_cycles,
    scikit_learn_stays_above,
    optional_packages_wait,
)


def _is_foundation(top: str) -> bool:
    # The two lowest rows are single files, not words of the definition; `imports_have_no_cycles` keeps them in order.
    return _HEIGHTS[top] < _HEIGHTS["losses"]


def _imports(node: ast.AST, *, in_function: bool, for_types: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, in_function, for_types
        typing_block = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        yield from _imports(child, in_function=in_function or isinstance(child, FunctionNode), for_types=for_types or typing_block)


def _absolute(file: File, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    folders = (_ROOT, *file.path.parts[:-1])
    return ".".join([*folders[: len(folders) - node.level + 1], *([node.module] if node.module else [])])


def _naming_fault(package: Package, reference: Reference) -> str | None:
    if "*" in reference.names:
        return f"`*` from {reference.module}: name what you import"
    if reference.package != _ROOT:
        return None
    if reference.top is None:
        return "the root imports everybody: import from the folder that has it"
    own = reference.file.folder == reference.top
    if own:
        return None if reference.level == 1 else f"{reference.module} is the own folder: import it relatively"
    if reference.level:
        return f"{reference.module} is another folder: import it absolutely"
    if len(reference.module.split(".")) > 2:
        return f"{reference.module} is private: import the name from `{_ROOT}.{reference.top}`"
    offer = package.public_file(reference.top)
    if offer is None:
        return f"{reference.module} does not exist"
    missing = [name for name in reference.names if name not in (offer.exported or ())]
    return f"{', '.join(missing)}: not in the `__all__` of {offer.path}" if missing else None


def _targets(package: Package, reference: Reference) -> set[str]:
    """The package's files that an import runs."""
    if reference.package != _ROOT:
        return set()
    stem = "/".join(reference.module.split(".")[1:])
    whole = f"{stem}/__init__.py" if stem else "__init__.py"
    files = {f"{stem}.py", whole} & package.by_path.keys()
    submodules = {f"{stem}/{name}.py".lstrip("/") for name in reference.names} & package.by_path.keys()
    # `from . import _a` runs the folder's own `__init__` as well, but only to find `_a`.
    return submodules or files


def _cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """One cycle for each file at which a walk closes, the files in import order."""
    found, done = [], set()

    def walk(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
            return
        if name not in done:
            for following in sorted(graph[name]):
                walk(following, [*trail, name])
            done.add(name)

    for name in sorted(graph):
        walk(name, [])
    return found
