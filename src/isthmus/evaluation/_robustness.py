import numpy as np

from ._reconstruction import PrincipalAxes
from ._scores import Curve
from ._sheet import Sheet
from ._subject import Subject, table

__all__ = ["add_robustness"]

_STRENGTHS = (0.0, 0.1, 0.2, 0.4, 0.8)
_SHARES = (0.0, 0.1, 0.2, 0.4, 0.6)
_MOST_ROWS = 2000


def add_robustness(sheet: Sheet, subject: Subject, axes: PrincipalAxes) -> None:
    """How far reconstructions of damaged rows are from the whole ones.

    Args:
        sheet: to write into.
        subject: whose.
        axes: principal axes, as wide as the model's code.
    """
    rows = subject.rows[:: max(1, -(-len(subject.rows) // _MOST_ROWS))]
    x = table(subject.x[rows]).astype(np.float64)
    rng = np.random.default_rng(subject.random_state)
    noise, ranks = rng.normal(size=x.shape) * x.std(), rng.uniform(size=x.shape)
    lowest, highest = x.min(axis=0), x.max(axis=0)
    is_whole = bool(np.all(x == np.round(x)))

    def noisy(strength: float) -> np.ndarray:
        damaged = np.clip(x + strength * noise, lowest, highest)
        return np.round(damaged) if is_whole else damaged

    def incomplete(share: float) -> np.ndarray:
        filling = np.round(axes.mean) if is_whole else axes.mean
        return np.where(ranks < share, np.clip(filling, lowest, highest), x)

    rule = "rounded, " if is_whole else ""
    kinds = (
        (
            "noise",
            "noise, as a share of the standard deviation of all values",
            _STRENGTHS,
            noisy,
            f"normal noise, {rule}kept within each column's range",
        ),
        ("missing values", "share of values replaced by their column's mean", _SHARES, incomplete, "values missing at random"),
    )
    for name, x_name, levels, damage, how in kinds:
        with sheet.attempt(f"robustness against {name}"):
            lines = {"model": [], f"PCA, {len(axes.axes)} wide": [], "doing nothing": []}
            for level in levels:
                damaged = damage(level)
                given = damaged.reshape(-1, *subject.x.shape[1:]).astype(subject.x.dtype)
                found = (subject.reconstructed(given, subject.labels(rows)), axes.reconstructed(damaged), damaged)
                for values, own in zip(lines.values(), found, strict=True):
                    values.append(float(np.mean(np.square(x - own))))
            note = f"{len(rows)} rows, {how}; errors are measured against the whole rows"
            arrays = {key: np.array(values) for key, values in lines.items()}
            sheet.curves.append(Curve(f"Robustness against {name}", x_name, "mean squared error", np.array(levels), arrays, note))
            middle = 2
            beside = {key: values[middle] for key, values in arrays.items() if key != "model"}
            own_note = f"{note}; at {levels[middle]:g} {x_name}"
            unit = "squared data units"
            sheet.add(
                "robustness", f"mean squared error under {name}", arrays["model"][middle], unit, "lower", baselines=beside, note=own_note
            )
