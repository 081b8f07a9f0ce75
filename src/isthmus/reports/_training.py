from typing import Any

import numpy as np

from isthmus.evaluation import shown

from ._figures import Figure, Line, line_figure

__all__ = ["training_figures"]

# A term that falls by less is read better on plain axes.
_LOG_FROM = 8.0
_NAMES = {"loss": "loss, all terms", "reconstruction": "reconstruction"}


def training_figures(core: Any) -> list[Figure]:
    """A figure for each term of the objective over the epochs; none where the model keeps no `history_`.

    Args:
        core: a fitted estimator.
    """
    history = {name: np.asarray(values, float) for name, values in (getattr(core, "history_", None) or {}).items() if len(values)}
    best = getattr(core, "best_epoch_", None)
    terms = [name for name in history if not name.startswith("val_")]
    return [_figure(number, name, history, best) for number, name in enumerate(terms)]


def _figure(number: int, name: str, history: dict[str, np.ndarray], best: int | None) -> Figure:
    epochs = np.arange(1, len(history[name]) + 1)
    lines = [Line("training", epochs, history[name])]
    if f"val_{name}" in history:
        lines.append(Line("validation", epochs, history[f"val_{name}"]))
    values = np.concatenate([line.y for line in lines])
    positive = bool(np.all(values > 0.0))
    log = positive and bool(values.max() > _LOG_FROM * values.min())
    watched = lines[-1]
    kept = f"At the epoch that was kept, {best}, {watched.name} is at {shown(float(watched.y[best - 1]))}." if best else ""
    if best == 0:
        kept = "No epoch was better than the start: the weights before the first were kept."
    caption = f"{watched.name.capitalize()} from {shown(float(watched.y[0]))} to {shown(float(watched.y[-1]))}. {kept}".rstrip()
    text = f"{_NAMES.get(name, name)} over {len(epochs)} epochs{', on a logarithmic axis' if log else ''}. {caption}"
    mark = (best, f"kept: epoch {best}") if best else None
    markup = line_figure(f"term{number}", lines, x_name="epoch", y_name=name, text=text, mark=mark, log=log)
    return Figure(_NAMES.get(name, name), markup, caption)
