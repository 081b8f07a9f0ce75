"""Networks that are not dense, beside PyTorch: milliseconds a step, seconds of a whole fit, and the loss that it reaches.

python benchmarks/architectures.py --data DIR [--only SECTION ...] [--repeats 5] [--output architectures.json]
"""

import argparse
import importlib.util
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from _harness import Document, RunError, call, console, failed, summary, table

HEADS = ("", "ms a step", "x ours", "ours faster, by round", "whole fit, s", "start, s", "peak MB", "final loss")


@dataclass(frozen=True)
class Section:
    """One network and its data.

    Attributes:
        title: what to call it in a table.
        competitors: keys of `TRAINERS` in `_architectures.py`, Isthmus first, each with the package that it needs.
        needs_data: whether MNIST is.
        rows: to train on.
        batch_size: rows in a step.
        epochs: of the whole fit, the first of the process.
        short: of a second fit.
        long: of a third; the difference of the two is the time of steady steps.
    """

    title: str
    competitors: dict[str, str]
    needs_data: bool
    rows: int
    batch_size: int
    epochs: int
    short: int
    long: int


SECTIONS = {
    "conv": Section(
        "28x28 images; 32 and 64 channels, kernel 3, stride 2, relu, a code of 32, mirrored; MNIST",
        {"isthmus": "isthmus", "pytorch": "torch", "pytorch channels last": "torch"},
        needs_data=True,
        rows=12_800,
        batch_size=128,
        epochs=3,
        short=1,
        long=4,
    ),
    "gru": Section(
        "Series of 64 steps, one feature; GRU of 32 units, a code of 16, a GRU of 32 units; waves of any phase and length",
        {"isthmus": "isthmus", "pytorch": "torch"},
        needs_data=False,
        rows=6_400,
        batch_size=64,
        epochs=3,
        short=1,
        long=4,
    ),
}


def main() -> int:
    """Run the sections asked for; 1 when any run failed."""
    options = parsed()
    document = Document(options.output, protocol(options))
    status = 0
    for name in options.only:
        measured = compare(name, options)
        status |= any("error" in values for values in measured.values())
        document.add(name, measured)
    return status


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mnist.npz")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--repeats", type=int, default=5, help="rounds, each with its own seed (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="cores of every process (default 2)")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows: shows that it runs")
    options = parser.parse_args()
    starved = [name for name in options.only if SECTIONS[name].needs_data]
    if starved and options.data is None:
        parser.error(f"{', '.join(starved)}: pass --data with the folder that holds mnist.npz.")
    return options


def protocol(options: argparse.Namespace) -> dict[str, Any]:
    """How it is measured, for the document."""
    return {
        "runs": "a fresh process each, competitors alternating; medians",
        "step": "difference of two fits in one process, after the whole fit, over the difference in steps",
        "ours faster": "step of each competitor over Isthmus's in the same round",
        "whole fit": "first fit of the process: compilation in, imports and start of the device out",
        "loss": "mean squared error of all training rows after the whole fit",
        "weights": "each library's own random weights; Adam at 0.001, mean squared error; logistic outputs for images",
        "repeats": options.repeats,
        "threads": options.threads,
        "quick": options.quick,
    }


def compare(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """All competitors on one network, each once, then each again."""
    section = SECTIONS[name]
    present = [competitor for competitor, package in section.competitors.items() if importlib.util.find_spec(package)]
    fields = {field: value for field, value in asdict(section).items() if field not in ("title", "competitors", "needs_data")}
    rows = section.rows // 10 if options.quick else section.rows
    job = {**fields, "section": name, "rows": rows, "threads": options.threads, "data": str(options.data) if options.data else None}
    limits = {variable: str(options.threads) for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    runs: dict[str, list[dict[str, Any]]] = {competitor: [] for competitor in present}
    errors: dict[str, dict[str, Any]] = {}
    for seed in range(options.repeats):
        for competitor in present:
            if competitor in errors:
                continue
            try:
                measured = call("_architectures.py", {**job, "competitor": competitor, "seed": seed}, limits)
            except RunError as error:
                failed(competitor, error)
                errors[competitor] = {"error": str(error)}
                continue
            runs[competitor].append(measured)
            console.log(f"{name}, round {seed + 1}: {competitor} {measured['step_milliseconds']:.3g} ms a step")
    found = {competitor: summary(measured) for competitor, measured in runs.items() if competitor not in errors}
    show(section.title, found)
    return {**found, **errors}


def show(title: str, found: dict[str, Any]) -> None:
    """The table of a section; adds to each competitor how many times faster Isthmus was in each round."""
    ours = found.get("isthmus")
    rows = []
    for competitor, values in found.items():
        slower = by_round = None
        if ours:
            slower = values["step_milliseconds"] / ours["step_milliseconds"]
            pairs = zip(values["runs"]["step_milliseconds"], ours["runs"]["step_milliseconds"], strict=True)
            values["isthmus_times_faster"] = [theirs / own for theirs, own in pairs]
            by_round = " ".join(f"{ratio:.2f}" for ratio in values["isthmus_times_faster"])
        figures = (values[figure] for figure in ("fit_seconds", "start_seconds", "peak_megabytes", "loss"))
        rows.append((competitor, values["step_milliseconds"], slower, by_round, *figures))
    table(title, HEADS, rows)


if __name__ == "__main__":
    sys.exit(main())
