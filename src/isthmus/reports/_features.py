import math
from typing import NamedTuple

import numpy as np

from isthmus.evaluation import Evaluation, shown

from ._figures import Figure, Line, line_figure, polyline
from ._images import Scale, color_bar, data_uri, sequential_pixels
from ._subject import Subject

__all__ = ["FeatureErrors", "curve_figures", "feature_errors"]

_BARS = 20
_SIDE = 320


class FeatureErrors(NamedTuple):
    """Where in a row the errors are.

    Attributes:
        reason: why nothing is shown.
        image: the address of a heat map.
        curve: points of a polyline along a series.
        bars: names, errors and widths in percent, the largest first.
        low: the least error.
        high: the largest.
        bar: colors from low to high.
        text: in words.
    """

    reason: str = ""
    image: str = ""
    curve: str = ""
    bars: tuple[tuple[str, str, float], ...] = ()
    low: str = ""
    high: str = ""
    bar: str = ""
    text: str = ""


def feature_errors(subject: Subject, evaluation: Evaluation) -> FeatureErrors:
    """The mean squared error of each feature, as a map, a curve or bars.

    Args:
        subject: the model and its rows.
        evaluation: has the errors.
    """
    errors = np.asarray(evaluation.feature_errors, float)
    if len(errors) != math.prod(subject.shape):
        return FeatureErrors(reason="The evaluation holds no errors by feature. Make it with `evaluate(model, X)`.")
    low, high = float(errors.min()), float(errors.max())
    names = evaluation.feature_names if len(evaluation.feature_names) == len(errors) else subject.names
    order = np.argsort(-errors, kind="stable")[:_BARS]
    if subject.kind == "image":
        image = errors.reshape(*subject.shape[:2], -1).mean(axis=-1)
        scale = Scale(float(image.min()), float(image.max()) or 1.0)
        text = f"It is shown for each pixel, from {shown(scale.low)} to {shown(scale.high)}."
        picture = data_uri(sequential_pixels(image, scale), most=_SIDE)
        return FeatureErrors(image=picture, bar=color_bar("sequential"), text=text, low=shown(scale.low), high=shown(scale.high))
    if subject.kind == "series":
        curve = errors.reshape(subject.shape[0], -1).mean(axis=1)
        most = float(curve.max())
        text = f"The curve goes along the series, from 0 at the bottom to {shown(most)} at the top."
        return FeatureErrors(curve=polyline(curve, 0.0, most, width=300.0, height=80.0), text=text)
    shares = 100.0 * errors / (high or 1.0)
    bars = tuple((names[column], shown(float(errors[column])), round(float(shares[column]), 1)) for column in order)
    hidden = f" The {_BARS} largest of {len(errors)} are shown." if len(errors) > _BARS else ""
    return FeatureErrors(bars=bars, text=f"The largest is {shown(high)}, of {names[order[0]]}; the least is {shown(low)}.{hidden}")


def curve_figures(evaluation: Evaluation) -> list[Figure]:
    """A figure for each curve of robustness."""
    figures = []
    for number, curve in enumerate(evaluation.curves):
        lines = [Line(name, np.asarray(curve.x), np.asarray(values)) for name, values in curve.lines.items()]
        told = "; ".join(f"{line.name} from {shown(float(line.y[0]))} to {shown(float(line.y[-1]))}" for line in lines)
        text = f"{curve.name}: {curve.y_name} against {curve.x_name}. {told}."
        markup = line_figure(f"curve{number}", lines, x_name=curve.x_name, y_name=curve.y_name, text=text)
        figures.append(Figure(curve.name, markup, curve.note))
    return figures
