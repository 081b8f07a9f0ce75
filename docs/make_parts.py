"""Write docs/parts.md from the docstrings of the parts.

python docs/make_parts.py [--check]
"""

import argparse
import inspect
import re
import sys
import textwrap
import typing
from pathlib import Path
from typing import Any

from isthmus._component import Component, choices, fields_of
from isthmus._types import Interval
from isthmus.architectures import AbstractArchitecture
from isthmus.bottlenecks import AbstractBottleneck
from isthmus.corruptions import AbstractCorruption
from isthmus.data import AbstractScaling
from isthmus.initializers import AbstractInitializer
from isthmus.losses import AbstractLoss
from isthmus.optimizers import AbstractOptimizer, AbstractSchedule
from isthmus.priors import AbstractPrior
from isthmus.regularizers import AbstractRegularizer

PAGE = Path(__file__).parent / "parts.md"

ROLES: dict[str, tuple[type[Component], str]] = {
    "Architectures": (AbstractArchitecture, "`Autoencoder(architecture=...)`: the networks of encoder and decoder."),
    "Initial weights": (AbstractInitializer, "`architecture__initializer`: where the matrices of dense networks start."),
    "Losses": (AbstractLoss, "`Autoencoder(loss=...)`: what a wrong reconstruction costs, for each row and summed over its features."),
    "Regularizers": (AbstractRegularizer, "`Autoencoder(regularizers=...)`, one or several: penalties beside the loss."),
    "Corruptions": (
        AbstractCorruption,
        "`Autoencoder(corruption=...)`: damage to the encoder's input in training; the target stays.",
    ),
    "Bottlenecks": (AbstractBottleneck, "`Autoencoder(bottleneck=...)`: how hidden values become a code."),
    "Priors": (AbstractPrior, "`Autoencoder(prior=...)`: densities over codes."),
    "Optimizers": (
        AbstractOptimizer,
        "`Autoencoder(optimizer=...)`: how weights move.",
    ),
    "Schedules": (AbstractSchedule, "`optimizer__schedule`: the factor of the learning rate over the run."),
    "Scalings": (AbstractScaling, "`Autoencoder(scaling=...)`: how rows become numbers of a size that networks learn from."),
}

HEAD = """# The parts

Everything that an `Autoencoder` is put together from: what each part computes, where it comes from, when to use it and what it costs. This
page is made from the docstrings by `make docs`. A part is given by name with its defaults, or as an object:
`loss="huber"` or `loss=losses.Huber(delta=0.5)`; in a shell `--loss huber:0.5`. Fields marked *traced* take another value without
compiling anything. How to add a part of your own is in [CONTRIBUTING.md](../CONTRIBUTING.md).
"""

SECTION = re.compile(r"^(Attributes|References|Example|Examples|Args|Raises):$", re.MULTILINE)


def main() -> int:
    """Write the page, or compare it with the one that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when the page is not what would be written")
    options = parser.parse_args()
    text = page()
    if options.check:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


def page() -> str:
    """The whole page."""
    pieces = [HEAD]
    for title, (base, use) in ROLES.items():
        parts = choices(base)
        rows = [f"| [`{name}`](#{anchor(name, title)}) | {first_line(part)} |" for name, part in sorted(parts.items())]
        pieces.append(f"## {title}\n\n{use}\n\n| name | what it is |\n|---|---|\n" + "\n".join(rows) + "\n")
        pieces += [described(name, part, title) for name, part in sorted(parts.items())]
    return "\n".join(pieces)


def anchor(name: str, title: str) -> str:
    """The place of a part on the page; two roles may have parts of one name."""
    return f"{title.lower().replace(' ', '-')}-{name}"


def first_line(part: type) -> str:
    """What stands for a part in a table."""
    return (inspect.getdoc(part) or "").partition("\n")[0]


def described(name: str, part: type[Component], title: str) -> str:
    """The section of one part."""
    body, sections = parsed(inspect.getdoc(part) or "")
    paragraphs = [f'<a id="{anchor(name, title)}"></a>', f"### {name}", f"`{signature(part)}`", body]
    table = fields_table(part, sections.get("Attributes", ""))
    paragraphs += [table] if table else []
    if "References" in sections:
        paragraphs.append("*Source.* " + " ".join(sections["References"].split()))
    return "\n\n".join(paragraphs) + "\n"


def parsed(docstring: str) -> tuple[str, dict[str, str]]:
    """The text before the first section, and the sections by name."""
    pieces = SECTION.split(docstring)
    sections = {name: textwrap.dedent(text.strip("\n")).rstrip() for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}
    return pieces[0].strip(), sections


def signature(part: type[Component]) -> str:
    """The call that builds the part with its defaults."""
    parameters = inspect.signature(part).parameters.values()
    shown = [one.name if one.default is one.empty else f"{one.name}={one.default!r}" for one in parameters]
    return f"{part.__module__.rpartition('.')[0].removeprefix('isthmus.')}.{part.__name__}({', '.join(shown)})"


def fields_table(part: type[Component], attributes: str) -> str:
    """What each field means and may be."""
    meanings = {}
    for entry in re.split(r"\n(?=\S)", attributes):
        field, _, meaning = entry.partition(":")
        meanings[field.strip()] = " ".join(meaning.split())
    rows = []
    for field in fields_of(part):
        if field.name not in meanings:
            continue
        traced = "traced" if field.traced else ""
        rows.append(f"| `{field.name}` | {meanings[field.name]} | {allowed(field.annotation)} | {traced} |")
    return "| field | meaning | allowed | |\n|---|---|---|---|\n" + "\n".join(rows) if rows else ""


def allowed(annotation: Any) -> str:
    """The values of a field, in a word or two."""
    text, interval = str(annotation), interval_of(annotation)
    optional = " or None" if "None" in text else ""
    literal = re.search(r"Literal\[([^\]]*)\]", text)
    if literal:
        return literal.group(1).replace("'", "`") + optional
    if "bool" in text:
        return "True or False"
    kind = "integer" if re.search(r"\bint\b", text) else "number" if re.search(r"\bfloat\b", text) else "part"
    kind = f"{kind}s" if text.startswith("tuple") or "tuple[" in text else kind
    return (f"{kind} in {interval}" if interval else kind) + optional


def interval_of(annotation: Any) -> Interval | None:
    """The range of values that an annotation names, however deep inside."""
    found = [extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, Interval)]
    found += [interval for inner in typing.get_args(annotation) if (interval := interval_of(inner)) is not None]
    return found[0] if found else None


if __name__ == "__main__":
    sys.exit(main())
