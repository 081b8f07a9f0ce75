"""Isthmus beside Keras, PyTorch and scikit-learn on the same networks: seconds, memory, loss, compilations.

python benchmarks/fit.py --data DIR [--only SECTION ...] [--repeats 3] [--output fit.json]
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _goals import print_goals
from _harness import Competitor, Document, RunError, alternate, call, clean_environment, failed, table
from _networks import NETWORKS

COMPETITORS = (
    Competitor("isthmus", "_isthmus.py", ("isthmus", "jax")),
    Competitor("isthmus bfloat16", "_isthmus.py", ("isthmus", "jax"), precision="bfloat16"),
    Competitor("pytorch", "_torch.py", ("torch",)),
    Competitor("pytorch 1 thread", "_torch.py", ("torch",), threads=1),
    Competitor("pytorch bfloat16", "_torch.py", ("torch",), precision="bfloat16"),
    Competitor("keras tensorflow", "_keras.py", ("keras", "tensorflow"), {"KERAS_BACKEND": "tensorflow"}),
    Competitor("keras jax", "_keras.py", ("keras", "jax"), {"KERAS_BACKEND": "jax"}),
    Competitor("scikit-learn", "_sklearn.py", ("sklearn",)),
)
# bfloat16 pays on the widest network only; one thread is what suits PyTorch on the smallest, whose products are too small to share.
ONLY_ON = {"isthmus bfloat16": "deep", "pytorch bfloat16": "deep", "pytorch 1 thread": "small"}
WITHOUT_DATA = ("small", "grid", "import")
COLUMNS = ("", "µs a step", "x ours", "s an epoch", "whole fit, s", "compiling, s", "imports, s", "peak MB", "final loss", "vs PyTorch")


def main() -> int:
    """Run the sections asked for; 1 when any run failed."""
    options = parsed()
    protocol = {
        "runs": "a fresh process each, competitors alternating; medians; the loss is the mean squared error of all training rows",
        "step": "difference of two fits in one process, after the whole fit, over the difference in steps",
        "whole fit": "first fit of the process: compilation in, imports and start of the device out",
        "peak": "largest resident memory of the process at the end of the whole fit",
        **{name: value for name, value in vars(options).items() if name in ("repeats", "threads", "quick")},
    }
    document = Document(options.output, protocol)
    failures = 0
    for section in options.only:
        try:
            measured = SECTIONS[section](options)
        except RunError as error:
            failed(section, error)
            measured = {"error": str(error)}
        failures += "error" in measured or any("error" in value for value in measured.values() if isinstance(value, dict))
        document.add(section, measured)
    document.content["goals"] = print_goals(document.content, "goals (a quick run says nothing about them)" if options.quick else "goals")
    document.write()
    return int(failures > 0)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help=f"folder with mnist.npz; not needed by {', '.join(WITHOUT_DATA)}")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--competitors", nargs="+", choices=[each.name for each in COMPETITORS], metavar="NAME", help="all by default")
    parser.add_argument("--repeats", type=int, default=3, help="rounds, each with its own seed (default 3)")
    parser.add_argument("--threads", type=int, default=2, help="cores of every process (default 2)")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs: shows that it runs, its figures mean nothing")
    options = parser.parse_args()
    starved = [section for section in options.only if section not in WITHOUT_DATA]
    if starved and options.data is None:
        parser.error(f"{', '.join(starved)}: pass --data with the folder that holds mnist.npz, or --only {' '.join(WITHOUT_DATA)}.")
    return options


def compare(network: str, options: argparse.Namespace) -> dict[str, Any]:
    """All competitors on one network."""
    shape = NETWORKS[network]
    schedule = shape.quick if options.quick else shape.full
    chosen = [
        each
        for each in COMPETITORS
        if ONLY_ON.get(each.name, network) == network and (options.competitors is None or each.name in options.competitors)
    ]
    data = str(options.data) if options.data else None
    job = {"network": network, "data": data, "threads": options.threads, **vars(schedule)}
    measured = alternate(chosen, job, options.repeats)
    good = {name: values for name, values in measured.items() if "error" not in values}
    ours, reference = good.get("isthmus"), good.get("pytorch")
    rows = []
    for name, values in good.items():
        if reference:
            values["loss_vs_pytorch"] = statistics.mean(values["runs"]["loss"]) / statistics.mean(reference["runs"]["loss"]) - 1
        slower = values["step_microseconds"] / ours["step_microseconds"] if ours else None
        figures = ("step_microseconds", "epoch_seconds", "fit_seconds", "compile_seconds", "start_seconds", "peak_megabytes", "loss")
        step, *others = (values.get(figure) for figure in figures)
        difference = f"{100 * values['loss_vs_pytorch']:+.2f} %" if reference else None
        rows.append((name, step, slower, *others, difference))
    table(f"{network}: {shape.title}; whole fit of {schedule.epochs} epochs", COLUMNS, rows)
    return measured


def memory(options: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of fits on MNIST given as bytes."""
    rows = 5000 if options.quick else None
    job = {"measure": "memory", "data": str(options.data), "threads": options.threads, "rows": rows, "epochs": 2}
    measured = {network: call("_extras.py", {**job, "network": network}) for network in ("defaults", "mnist", "deep")}
    heads = ("MNIST as uint8: peak resident MB after", "imports", "loading", "fit", "transform")
    table("memory", heads, [(name, *values.values()) for name, values in measured.items()])
    return measured


def transform(options: argparse.Namespace) -> dict[str, Any]:
    """`transform` of all rows against one call of a jitted encoder."""
    rows = 5000 if options.quick else None
    job = {"measure": "transform", "data": str(options.data), "threads": options.threads, "rows": rows, "turns": 9}
    measured = {network: call("_extras.py", {**job, "network": network}) for network in ("mnist", "deep")}
    heads = ("MNIST as float32", "transform, s", "bare jitted encoder, s", "ratio")
    table("transform", heads, [(name, *values.values()) for name, values in measured.items()])
    return measured


def grid(options: argparse.Namespace) -> dict[str, Any]:
    """Compilations of a grid search over floats."""
    measured = call("_extras.py", {"measure": "grid", "threads": options.threads, "epochs": 5})
    heads = ("", "training programs compiled", "more for other epochs and seed", "fits", "seconds of the search")
    table("grid", heads, [("GridSearchCV over rates and penalties", *measured.values())])
    return measured


def precision(options: argparse.Namespace) -> dict[str, Any]:
    """The loss at the end of longer fits in bfloat16 and float32, from the same weights and in the same order of rows."""
    job = {"measure": "precision", "network": "deep", "data": str(options.data), "threads": options.threads}
    job |= {"epochs": 1, "rows": 2000} if options.quick else {"epochs": 15, "rows": None}
    losses: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for seed in range(options.repeats):
        for kind, values in losses.items():
            values.append(call("_extras.py", {**job, "precision": kind, "seed": seed})["loss"])
    means = {kind: statistics.mean(values) for kind, values in losses.items()}
    difference = means["bfloat16"] / means["float32"] - 1
    rows = [(kind, means[kind], statistics.stdev(values) if len(values) > 1 else None) for kind, values in losses.items()]
    table(f"precision: deep, loss after {job['epochs']} epochs, {options.repeats} seeds", ("", "mean", "spread"), rows)
    return {"epochs": job["epochs"], "losses": losses, "difference": difference, "size": abs(difference)}


def import_time(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds that the import takes, and the help of the command line, beyond a bare interpreter's."""
    if Competitor("isthmus", "_isthmus.py", ("isthmus",)).missing:
        raise RunError("isthmus is not installed in this environment.")
    commands = {"bare": [sys.executable, "-c", "pass"], "import": [sys.executable, "-c", "import isthmus"]}
    program = shutil.which("isthmus", path=str(Path(sys.executable).parent))
    if program:
        commands["help"] = [program, "--help"]
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(2 if options.quick else 11):
        for name, command in commands.items():
            start = time.perf_counter()
            finished = subprocess.run(command, check=False, env=clean_environment(), capture_output=True, text=True)
            elapsed = time.perf_counter() - start
            if finished.returncode:
                raise RunError(f"{command} ended with status {finished.returncode}:\n{finished.stderr}")
            # The first turn writes the byte code, which an installed package has.
            if turn:
                times[name].append(elapsed)
    bare = statistics.median(times["bare"])
    measured: dict[str, Any] = {"import_seconds": statistics.median(times["import"]) - bare, "bare_seconds": bare}
    if program:
        measured["help_seconds"] = statistics.median(times["help"])
    rows = [
        ("import isthmus, beyond a bare interpreter", measured["import_seconds"]),
        ("isthmus --help, in all", measured.get("help_seconds")),
    ]
    table("import", ("", "seconds"), rows)
    return {**measured, "runs": times}


SECTIONS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    **{network: (lambda options, network=network: compare(network, options)) for network in NETWORKS},
    "memory": memory,
    "transform": transform,
    "grid": grid,
    "precision": precision,
    "import": import_time,
}


if __name__ == "__main__":
    sys.exit(main())
