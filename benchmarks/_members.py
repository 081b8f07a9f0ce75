"""One measured process of `members.py`: eight members trained together or apart."""

import json
import sys
from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.datasets import load_digits

from _worker import pin, report, seconds
from isthmus.architectures import Dense
from isthmus.data import bucket
from isthmus.losses import SquaredError
from isthmus.model import Model, Objective, Parts
from isthmus.optimizers import Adam
from isthmus.regularizers import L2
from isthmus.training import Plan, Result, Rows, trace_count, train

N_MEMBERS = 8


class Member(NamedTuple):
    """What one member has for itself."""

    objective: Objective
    optimizer: Adam
    weights: Any
    state: Any
    seed: Any


def member(widths: tuple[int, ...], number: int, turn: int) -> Member:
    """A member with a rate, a penalty, first weights and a seed of its own; another `turn` changes all of them."""
    *hidden, latent = widths[1:]
    architecture = Dense(hidden_dims=tuple(hidden), activation="relu")
    penalty = L2(1e-6 * 2**number * (1 + turn))
    shapes = {"data_shape": (widths[0],), "latent_shape": (latent,)}
    parts = Parts(architecture, SquaredError(), regularizers=(penalty,), code_activation="relu", **shapes)
    model = Model.init(parts, rng=np.random.default_rng([turn, number]))
    rate = 1e-4 * 1.8**number * (1 + 0.1 * turn)
    return Member(Objective(parts), Adam(rate), model.weights, model.state, np.array([turn, number], np.uint32))


def joined(members: list[Member]) -> Member:
    """All of them as one, with a leading axis of members."""
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]).astype(leaf_type(leaves[0])), *members)


def leaf_type(leaf: Any) -> Any:
    """Python floats are single precision in the compiled program."""
    return np.float32 if isinstance(leaf, float) else leaf.dtype


def run(members: list[Member], rows: Rows, plan: Plan, *, together: bool, validation: Rows | None = None) -> list[Result]:
    """Train them all, as one program or one after another."""
    chosen = [joined(members)] if together else members
    size = len(members) if together else None
    return [
        train(
            each.objective,
            each.weights,
            each.state,
            rows,
            optimizer=each.optimizer,
            plan=plan,
            seed=each.seed,
            validation=validation,
            shared={},
            members=size,
        )
        for each in chosen
    ]


def table_of(columns: int, n_rows: int) -> Rows:
    """Uniform noise of 100 columns, or the digits that ship with scikit-learn; padded as the estimator pads."""
    if columns == 64:
        values = load_digits(return_X_y=True)[0][:n_rows].astype(np.float32) / np.float32(16.0)
    else:
        values = np.random.default_rng(0).random((n_rows, columns)).astype(np.float32)
    x = np.zeros((bucket(len(values)), columns), np.float32)
    x[: len(values)] = values
    return Rows({"x": x}, len(values))


def losses_after(steps: int, widths: tuple[int, ...], batch_size: int, *, together: bool) -> list[float]:
    """The objective on all rows after so many steps, for each member."""
    rows = table_of(widths[0], steps * batch_size // 2)
    members = [member(widths, number, 0) for number in range(N_MEMBERS)]
    results = run(members, rows, Plan(2, batch_size), together=together, validation=rows)
    if any(result.n_steps != steps for result in results):
        raise AssertionError(f"{[result.n_steps for result in results]} steps in the place of {steps}")
    histories = results[0].history if together else [result.history for result in results]
    return [float(history["val_loss"][-1]) for history in histories]


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """A first training of all members, a second one with other floats, weights and seeds, and their losses after a few steps."""
    jax.devices()
    widths, together = tuple(job["widths"]), bool(job["together"])
    rows, plan = table_of(widths[0], job["rows"]), Plan(job["epochs"], job["batch_size"])
    measured: dict[str, Any] = {}
    for turn, name in enumerate(("first", "again")):
        members = [member(widths, number, turn) for number in range(N_MEMBERS)]
        before = trace_count()
        measured[f"{name}_seconds"] = seconds(lambda members=members: run(members, rows, plan, together=together))
        measured[f"{name}_programs"] = trace_count() - before
    steps = job["epochs"] * -(-int(rows.count) // job["batch_size"])
    measured["step_microseconds"] = 1e6 * measured["again_seconds"] / (steps * N_MEMBERS)
    measured["losses"] = losses_after(job["compared_steps"], widths, job["batch_size"], together=together)
    return measured


def main() -> None:
    """Do the job on the command line."""
    job = json.loads(sys.argv[1])
    pin(job["threads"])
    report(measure(job))


if __name__ == "__main__":
    main()
