"""How competitors are compared: each run in a fresh process, runs alternating, medians, and everything written down."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = [
    "Competitor",
    "Document",
    "RunError",
    "alternate",
    "call",
    "clean_environment",
    "console",
    "failed",
    "machine",
    "summary",
    "table",
]

HERE = Path(__file__).parent
PACKAGES = (
    *("isthmus", "jax", "jaxlib", "equinox", "optax", "numpy", "scikit-learn"),
    *("torch", "pythae", "keras", "tensorflow-cpu", "tensorflow"),
)
console = Console(width=150, log_path=False)


class RunError(RuntimeError):
    """A measured process that ended with an error."""


@dataclass(frozen=True)
class Competitor:
    """Something that trains a network, in a process of its own.

    Attributes:
        name: what to call it.
        script: the file to run.
        needs: packages without which it is left out.
        environment: variables for its process.
        precision: of the products.
        threads: cores it may use; the run's own number when `None`.
    """

    name: str
    script: str
    needs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    precision: str = "float32"
    threads: int | None = None

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(package) is None]


def call(script: str, job: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run `script` in a fresh process and return what it measured.

    Args:
        script: a file of this folder, which prints JSON as its last line.
        job: passed to it as JSON.
        environment: variables to set, on top of those every process gets.

    Raises:
        RunError: the process failed; the message ends with what it printed.
    """
    arguments = [sys.executable, str(HERE / script), json.dumps({**job, "launched": time.time()})]
    finished = subprocess.run(arguments, check=False, env=clean_environment(environment), capture_output=True, text=True)
    if finished.returncode:
        raise RunError(f"{script} ended with status {finished.returncode}:\n" + "\n".join(finished.stderr.splitlines()[-15:]))
    return json.loads(finished.stdout.splitlines()[-1])


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a measured process: CPU only, byte code kept, no program compiled by an earlier run."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS", "KERAS_BACKEND")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    fixed = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return {**kept, **fixed, **(extra or {})}


def alternate(competitors: Sequence[Competitor], job: Mapping[str, Any], repeats: int) -> dict[str, dict[str, Any]]:
    """Every competitor once, then every one again, `repeats` times: a slow minute of the machine meets them all.

    Args:
        competitors: who runs; those whose packages are not installed are left out, and it is said.
        job: the job of all; `seed`, `precision` and `threads` are filled in.
        repeats: rounds; round number `r` has seed `r`.

    Returns:
        For each competitor the summary of what it measured, or `{"error": ...}`; a failure does not end the others' runs.
    """
    for competitor in competitors:
        if competitor.missing:
            console.log(f"{competitor.name} is left out: {', '.join(competitor.missing)} is not installed")
    present = [competitor for competitor in competitors if not competitor.missing]
    runs: dict[str, list[dict[str, Any]]] = {competitor.name: [] for competitor in present}
    errors: dict[str, str] = {}
    for seed in range(repeats):
        for competitor in present:
            if competitor.name in errors:
                continue
            threads = min(competitor.threads or job["threads"], job["threads"])
            own = {"seed": seed, "precision": competitor.precision, "threads": threads}
            limits = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
            try:
                measured = call(competitor.script, {**job, **own}, {**limits, **competitor.environment})
            except RunError as error:
                errors[competitor.name] = str(error)
                failed(competitor.name, error)
                continue
            runs[competitor.name].append(measured)
            console.log(f"{job['network']}, round {seed + 1}: {competitor.name} {measured['step_microseconds']:.1f} µs a step")
    return {name: {"error": errors[name]} if name in errors else summary(measured) for name, measured in runs.items()}


def summary(runs: Iterable[Mapping[str, float]]) -> dict[str, Any]:
    """Median of each measured number, and all of them in the order of the runs.

    Example:
        >>> summary([{"loss": 3.0}, {"loss": 1.0}, {"loss": 2.0}])
        {'loss': 2.0, 'runs': {'loss': [3.0, 1.0, 2.0]}}
    """
    listed = list(runs)
    columns = {name: [run[name] for run in listed] for name in listed[0]}
    return {**{name: statistics.median(values) for name, values in columns.items()}, "runs": columns}


def failed(name: str, error: Exception) -> None:
    """Say at once what went wrong; the run goes on.

    Args:
        name: of the competitor or the section.
        error: what it raised.
    """
    console.log(f"[red]{escape(name)} failed[/red]: {escape(str(error))}")


def machine() -> dict[str, Any]:
    """The machine and the packages, in words."""
    fields = _first_fields(Path("/proc/cpuinfo"))
    memory = _first_fields(Path("/proc/meminfo")).get("MemTotal", "unknown")
    flags = fields.get("flags", fields.get("Features", "")).split()
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16", "asimd")
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": fields.get("model name", platform.processor() or platform.machine()),
        "instructions": [flag for flag in wanted if flag in flags],
        "cores": cores,
        "memory": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": load,
        "python": platform.python_version(),
        "versions": installed,
    }


def _first_fields(path: Path) -> dict[str, str]:
    """The first value of each `name: value` line of a file of the system."""
    fields: dict[str, str] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    return fields


class Document:
    """Everything measured so far, written after every section, so that an interrupted run keeps what it has.

    Args:
        path: the JSON file; nothing is written when `None`.
        protocol: how it was measured.
    """

    def __init__(self, path: Path | None, protocol: Mapping[str, Any]) -> None:
        self.path = path
        # Where data and results lie on this machine is nobody's business.
        command = [Path(sys.argv[0]).name, *("PATH" if os.sep in word else word for word in sys.argv[1:])]
        self.content: dict[str, Any] = {"protocol": {"command": command, **protocol}, "machine": machine(), "sections": {}}

    def add(self, section: str, measured: Any) -> None:
        """Add what a section measured, or replace it, and write the file."""
        self.content["sections"][section] = measured
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        temporary = self.path.with_name(self.path.name + ".partial")
        temporary.write_text(json.dumps(self.content, indent=1) + "\n")
        temporary.replace(self.path)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table: names to the left, numbers to the right with four digits.

    Args:
        title: printed above.
        columns: their heads.
        rows: cells; a number is formatted, anything else is shown as it is.
    """
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    console.print(drawn)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
