"""Write docs/choosing.md: which loss, activation, regularizer, optimizer and width, by measurement on data that ship with scikit-learn.

python docs/make_choosing.py [--seeds 3] [--output docs/choosing.md]
"""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from isthmus import Autoencoder, compare
from isthmus._types import Fraction
from isthmus.corruptions import AbstractCorruption, Gaussian
from isthmus.evaluation import Comparison, loss_by_corruption, optimizer_study, rate_quality

PAGE = Path(__file__).parent / "choosing.md"
WIDTHS = {"digits": 8, "breast cancer": 4, "wine": 3, "diabetes": 3}
LOSSES = ["squared_error", "absolute_error", "huber", "log_cosh", "charbonnier", "student_t", "correntropy"]
ACTIVATIONS = ["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]
REGULARIZERS: dict[str, dict[str, Any]] = {
    "none": {},
    "l2, weight 1e-4": {"regularizers": "l2", "regularizers__l2__weight": 1e-4},
    "l1, weight 1e-4": {"regularizers": "l1", "regularizers__l1__weight": 1e-4},
    "contractive, weight 0.01": {"regularizers": "contractive", "regularizers__contractive__weight": 0.01},
    "activity_l1, weight 0.01": {"regularizers": "activity_l1", "regularizers__activity_l1__weight": 0.01},
    "corruption: gaussian, 0.3": {"corruption": Gaussian(0.3)},
    "corruption: masking": {"corruption": "masking"},
}
OPTIMIZERS = ["sgd", "rmsprop", "adam", "adamw", "nadam", "adabelief", "lion", "muon", "prodigy", "schedule_free_adamw", "lbfgs"]


class Outliers(AbstractCorruption):
    """Some values are replaced by ones far outside: normal, ten standard deviations wide and five away."""

    share: Fraction = 0.05

    def __call__(self, x: Any, *, mask: Any = None, key: Any) -> Any:
        """A damaged copy of the rows."""
        import jax

        where, what = jax.random.split(key)
        wrong = 5.0 + 10.0 * jax.random.normal(what, x.shape)
        return jax.numpy.where(jax.random.uniform(where, x.shape) < self.share, wrong, x)


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="splits of each set (default 3)")
    parser.add_argument("--output", type=Path, default=PAGE, help="(default docs/choosing.md)")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    options.output.write_text(page(data(), options.seeds), encoding="utf-8")
    return 0


def data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows of variance 1 and what is known of each, by name."""
    loaders: dict[str, Any] = {"digits": load_digits, "breast cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}
    return {name: (scale(loader().data), loader().target) for name, loader in loaders.items()}


def page(sets: dict[str, tuple[np.ndarray, np.ndarray]], n_seeds: int) -> str:
    """The text."""
    begin = time.perf_counter()
    sections = [make(sets, n_seeds) for make in (losses, activations, regularizers, optimizers, widths)]
    shapes = [(name, str(len(x)), str(x.shape[1]), str(WIDTHS[name])) for name, (x, _) in sets.items()]
    minutes = (time.perf_counter() - begin) / 60
    head = f"""# How to choose a loss, an activation, a regularizer, an optimizer, a width

Measured by `python docs/make_choosing.py --seeds {n_seeds}`, which wrote this page in {minutes:.0f} minutes, on data that ship with
scikit-learn:

{markdown(("data", "rows", "columns", "code"), shapes)}

Columns have variance 1. Every figure is a mean over {n_seeds} splits, of the quarter of the rows that was held out. A difference is called
real where a paired test that allows for shared rows says so at 5 %, after Holm's correction (`isthmus.compare`); with {n_seeds} splits only
large ones are. What is not real is no reason to choose: take the default, or measure on your own data with the calls below.
"""
    return "\n".join([head, *sections])


def losses(sets: dict[str, tuple[np.ndarray, np.ndarray]], n_seeds: int) -> str:
    """Which loss withstands which damage."""
    kinds = {"whole rows": None, "noise of sd 0.5": Gaussian(0.5), "outliers in 5 % of values": Outliers(0.05)}
    found: dict[str, list[Comparison]] = {name: [] for name in kinds}
    for name, (x, _) in sets.items():
        measured = loss_by_corruption(x, LOSSES, list(kinds.values()), model=autoencoder(name), n_seeds=n_seeds)
        for own, each in zip(found.values(), measured.values(), strict=True):
            own.append(each)
        log(f"losses, {name}")
    rows = []
    for loss in LOSSES:
        cells = [ratio(comparisons, "mean absolute error", loss, "squared_error") for comparisons in found.values()]
        rows.append((f"`{loss}`", *cells))
    wins = {name: real_wins(comparisons, "mean absolute error") for name, comparisons in found.items()}
    table = markdown(("loss", *(f"trained on {name}" for name in kinds)), rows)
    return f"""## Loss

The mean absolute error on whole rows held out, over that of `squared_error` trained on the same rows (below 1 is better); geometric
mean over the four sets. Training rows are damaged for good, as faulty data are. The absolute error is what medians minimize, so that
losses near to it have an advantage on whole rows; what damage costs is read along a line.

{table}

{sentence(wins)}

**Decide by the data.** Whole rows, or noise that is about normal: `squared_error`. Faulty values: a loss that forgives. Zeros and ones:
`bernoulli`. Counts: `poisson`, and `negative_binomial` where they vary more than their mean. Classes: `categorical`. A likelihood is
needed by everything that is variational.

```python
from isthmus import Autoencoder
from isthmus.corruptions import Gaussian
from isthmus.evaluation import loss_by_corruption
from sklearn.datasets import load_wine

model = Autoencoder(3, max_epochs=20)
found = loss_by_corruption(load_wine().data, ["squared_error", "huber"], [None, Gaussian(0.5)], model=model, n_seeds=2)
print(found["none"].table("mean absolute error")[0].model in ("squared_error", "huber"))
```
"""


def activations(sets: dict[str, tuple[np.ndarray, np.ndarray]], n_seeds: int) -> str:
    """Which activation."""
    found = [
        compare({kind: autoencoder(name).set_params(activation=kind, hidden_dims=(64, 32)) for kind in ACTIVATIONS}, x, y, n_seeds=n_seeds)
        for name, (x, y) in logged(sets, "activations")
    ]
    rows = [(f"`{kind}`", ratio(found, "mean squared error", kind, "relu"), *by_set(found, "R2", kind)) for kind in ACTIVATIONS]
    table = markdown(("activation", "squared error over `relu`'s", *(f"R2, {name}" for name in sets)), rows)
    return f"""## Activation

Two hidden layers of 64 and 32 units, everything else left to the library.

{table}

{sentence({"the squared error": real_wins(found, "mean squared error")})}
"""


def regularizers(sets: dict[str, tuple[np.ndarray, np.ndarray]], n_seeds: int) -> str:
    """Which regularizer."""
    found = [
        compare({kind: autoencoder(name).set_params(**own) for kind, own in REGULARIZERS.items()}, x, y, n_seeds=n_seeds)
        for name, (x, y) in logged(sets, "regularizers")
    ]
    probes = [next(score for score in each.values if score.startswith("linear probe")) for each in found]
    rows = []
    for kind in REGULARIZERS:
        own = [f"{mean(each, score, kind):.3f}" for each, score in zip(found, probes, strict=True)]
        rows.append((kind, ratio(found, "mean squared error", kind, "none"), *own))
    table = markdown(("penalty", "squared error over that of none", *(f"linear probe, {name}" for name in sets)), rows)
    return f"""## Regularizer

The squared error on rows held out says what a penalty costs or saves; the linear probe (accuracy; R2 for diabetes) what it does for
features.

{table}

{sentence({"the squared error": real_wins(found, "mean squared error")})}

Early stopping on held-out rows, which is on by default, already keeps small networks from overfitting; a penalty is for a property that
you want of codes: sparse, smooth, or like a prior.
"""


def optimizers(sets: dict[str, tuple[np.ndarray, np.ndarray]], n_seeds: int) -> str:
    """Which optimizer."""
    ranks: dict[str, list[float]] = {name: [] for name in OPTIMIZERS}
    epochs: dict[str, list[float]] = {name: [] for name in OPTIMIZERS}
    seconds: dict[str, list[float]] = {name: [] for name in OPTIMIZERS}
    for name, (x, _) in logged(sets, "optimizers"):
        measured = optimizer_study(x, OPTIMIZERS, model=autoencoder(name).set_params(max_epochs=100, hidden_dims=(64, 32)), n_seeds=n_seeds)
        lowest = np.min([own["loss"].min(axis=1) for own in measured.values()], axis=0)
        for optimizer, own in measured.items():
            ranks[optimizer] += (own["loss"].min(axis=1) / lowest).tolist()
            epochs[optimizer] += own["epochs_to_goal"].tolist()
            seconds[optimizer] += own["seconds"].tolist()
    order = sorted(OPTIMIZERS, key=lambda name: geometric(ranks[name]))
    rows = [
        (
            f"`{name}`",
            f"{geometric(ranks[name]):.2f}",
            f"{np.mean(np.isfinite(epochs[name])):.0%}",
            "-" if np.isnan(epochs[name]).all() else f"{np.nanmedian(epochs[name]):.0f}",
            f"{np.median(seconds[name]):.2f}",
        )
        for name in order
    ]
    heads = ("optimizer", "lowest loss, over the lowest of all", "within 5 % of it", "median epochs to there", "seconds of 100 epochs")
    return f"""## Optimizer

Each at its own default rate, 100 epochs, none stopped early, the same network and seeds; losses are of rows held out.

{markdown(heads, rows)}

A rate that suits one optimizer does not suit another: `learning_rate` is worth a search before the optimizer is.
"""


def widths(sets: dict[str, tuple[np.ndarray, np.ndarray]], n_seeds: int) -> str:
    """How wide a code."""
    rows = []
    dims = (1, 2, 4, 8, 16)
    for name, (x, _) in logged(sets, "widths"):
        found = rate_quality(autoencoder(name), x, latent_dims=dims, n_seeds=n_seeds)
        curve = found.curve("R2")
        for kind, line in curve.lines.items():
            values = dict(zip(curve.x.tolist(), line.tolist(), strict=True))
            rows.append((name, "PCA" if kind == "PCA" else "autoencoder", *(f"{values[d]:.3f}" if d in values else "-" for d in dims)))
    return f"""## Width of the code

The share of variance that comes back (R2 on rows held out).

{markdown(("data", "", *(f"{d} wide" for d in dims)), rows)}

Quality rises with the width and pays less and less; there is no width at which it stops. Take the smallest that is good enough for the use:
`rate_quality` draws the curve, and `evaluate` compares with PCA of the same width.
"""


def autoencoder(name: str) -> Autoencoder:
    """What is measured with: the defaults."""
    return Autoencoder(WIDTHS[name], scaling=None)


def logged(sets: dict[str, Any], what: str) -> Any:
    """The sets, one after the other, each said when it is begun."""
    for name, own in sets.items():
        log(f"{what}, {name}")
        yield name, own


def log(text: str) -> None:
    """Progress, for whoever waits."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)  # a script's own output


def mean(comparison: Comparison, score: str, model: str) -> float:
    """Of a model's score over seeds."""
    return float(np.mean(comparison.values[score][comparison.models.index(model)]))


def ratio(comparisons: Sequence[Comparison], score: str, model: str, base: str) -> str:
    """The geometric mean over sets and seeds of one model's score over another's."""
    each = [np.divide(*(own.values[score][own.models.index(name)] for name in (model, base))) for own in comparisons]
    return f"{geometric(np.concatenate(each)):.3f}"


def by_set(comparisons: Sequence[Comparison], score: str, model: str) -> list[str]:
    """A model's mean score on each set."""
    return [f"{mean(own, score, model):.3f}" for own in comparisons]


def geometric(values: Any) -> float:
    """The geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def real_wins(comparisons: Sequence[Comparison], score: str) -> list[tuple[str, int]]:
    """By model on how many sets it is the best and really better than the last, or not told from the best."""
    counts: dict[str, int] = {}
    for own in comparisons:
        table = own.table(score)
        for row in table:
            if row.verdict in ("best", "no real difference"):
                counts[row.model] = counts.get(row.model, 0) + 1
    return sorted(counts.items(), key=lambda pair: -pair[1])


def sentence(wins: dict[str, list[tuple[str, int]]]) -> str:
    """What the tests say, in words."""
    parts = []
    for name, counts in wins.items():
        listed = ", ".join(f"`{model}` on {count}" for model, count in counts)
        parts.append(f"For {name}, best or not really worse than the best, of four sets: {listed}.")
    return "\n".join(parts)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    sys.exit(main())
