"""Eight members with different rates, penalties, weights and seeds: one `vmap` of the trainer against eight single runs.

python benchmarks/members.py [--only NETWORK ...] [--repeats 3] [--output members.json]
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _harness import Document, RunError, call, console, failed, summary, table

COMPARED_STEPS = 30
WAYS = {"together": "eight together, one vmap", "apart": "eight single runs, one program"}
HEADS = ("", "first, s", "again, s", "µs a member's step", "x faster", "programs", "again", f"loss after {COMPARED_STEPS} steps differs by")


@dataclass(frozen=True)
class Population:
    """What the members train.

    Attributes:
        title: what to call it in a table.
        widths: from the data to the code; the decoder is the mirror image.
        rows: of the table.
        batch_size: rows in a step.
        epochs: of the benchmark proper; a quick run has a twentieth.
    """

    title: str
    widths: tuple[int, ...]
    rows: int
    batch_size: int
    epochs: int


POPULATIONS = {
    "small": Population("100-20-100, batch 32, 1000 rows of uniform noise", (100, 20), 1000, 32, 100),
    "digits": Population("64-128-64-8 and back, batch 64, handwritten digits", (64, 128, 64, 8), 1797, 64, 60),
}


def main() -> int:
    """Run the networks asked for; 1 when any run failed."""
    options = parsed()
    document = Document(options.output, protocol(options))
    status = 0
    for name in options.only:
        try:
            measured = compare(POPULATIONS[name], options)
        except RunError as error:
            failed(name, error)
            document.add(name, {"error": str(error)})
            status = 1
            continue
        document.add(name, measured)
    return status


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=POPULATIONS, metavar="NETWORK", help=", ".join(POPULATIONS))
    parser.add_argument("--repeats", type=int, default=3, help="rounds, medians of which are shown (default 3)")
    parser.add_argument("--threads", type=int, default=2, help="cores that a process may use (default 2)")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the epochs: shows that it runs")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    options = parser.parse_args()
    options.only = options.only or list(POPULATIONS)
    return options


def protocol(options: argparse.Namespace) -> dict[str, Any]:
    """How it is measured, for the document."""
    return {
        "runs": "a fresh process each, both ways alternating; medians",
        "first": "eight trainings, compilation in, imports and start of the device out",
        "again": "eight more in the same process, with other rates, penalties, weights and seeds",
        "programs": "training programs compiled in the first and in the second eight",
        "difference": f"largest relative one among the members, of the loss on all rows after {COMPARED_STEPS} steps, together and apart",
        "repeats": options.repeats,
        "threads": options.threads,
        "quick": options.quick,
    }


def compare(population: Population, options: argparse.Namespace) -> dict[str, Any]:
    """Both ways on one network."""
    epochs = max(1, population.epochs // 20) if options.quick else population.epochs
    job = {**vars(population), "epochs": epochs, "threads": options.threads, "compared_steps": COMPARED_STEPS}
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    losses: dict[str, list[float]] = {}
    for turn in range(options.repeats):
        for way in WAYS:
            measured = call("_members.py", {**job, "together": way == "together"})
            losses[way] = measured.pop("losses")  # the same in every round
            runs[way].append(measured)
            console.log(f"{population.title}, round {turn + 1}: {way} {measured['again_seconds']:.3g} s")
    difference = max(abs(one / other - 1) for one, other in zip(losses["together"], losses["apart"], strict=True))
    ways = {way: summary(measured) for way, measured in runs.items()}
    rows = []
    for way, values in ways.items():
        figures = (values[figure] for figure in ("first_seconds", "again_seconds", "step_microseconds"))
        faster = ways["apart"]["again_seconds"] / values["again_seconds"]
        programs = (int(values["first_programs"]), int(values["again_programs"]))
        rows.append((WAYS[way], *figures, faster, *programs, difference if way == "together" else None))
    table(f"{population.title}; {epochs} epochs", HEADS, rows)
    return {**ways, "losses": losses, "largest_difference": difference}


if __name__ == "__main__":
    sys.exit(main())
