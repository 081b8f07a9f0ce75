"""Line figures as SVG within a page, whose colors are the page's own."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from isthmus._optional import optional

__all__ = ["Figure", "Line", "line_figure", "polyline"]

# matplotlib is told colors that stand for the page's variables, so that a figure follows light and dark.
_INK, _GRID = "#000001", "#000002"
_LINES = tuple(f"#00010{number}" for number in range(1, 9))
_VARIABLES = {_INK: "var(--soft)", _GRID: "var(--grid)", **{color: f"var(--line-{number})" for number, color in enumerate(_LINES, 1)}}
_INCHES = (4.3, 2.75)
_STYLES = ("-", "--", "-.", ":")


class Figure(NamedTuple):
    """A picture with what is said about it.

    Attributes:
        title: above it.
        markup: SVG.
        caption: below it.
    """

    title: str
    markup: str
    caption: str = ""


class Line(NamedTuple):
    """One line of a figure.

    Attributes:
        name: in the legend.
        x: (points,).
        y: (points,).
    """

    name: str
    x: np.ndarray
    y: np.ndarray


def line_figure(
    name: str, lines: Sequence[Line], *, x_name: str, y_name: str, text: str, mark: tuple[float, str] | None = None, log: bool = False
) -> str:
    """Lines over a common axis, as SVG.

    Args:
        name: distinguishes the figure's identifiers from those of others on the page.
        lines: what to draw, at most eight.
        x_name: of the horizontal axis.
        y_name: of the vertical one.
        text: what the figure shows, for people who do not see it.
        mark: where an upright line stands and what it says.
        log: whether the vertical axis is logarithmic.
    """
    mpl, figures = optional("matplotlib", "report"), optional("matplotlib.figure", "report")
    # A user's style is not to color the page; the context gives it back.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9})
        # Not through pyplot, which would open windows.
        figure = figures.Figure(figsize=_INCHES, layout="constrained")
        axes = figure.subplots()
        for number, line in enumerate(lines[: len(_LINES)]):
            style = _STYLES[number % len(_STYLES)]
            marker = "o" if len(line.x) <= 12 else None
            axes.plot(line.x, line.y, style, color=_LINES[number], linewidth=1.7, label=line.name, marker=marker, markersize=3.5)
        if mark is not None:
            axes.axvline(mark[0], color=_INK, linewidth=1.0, linestyle=":", label=mark[1])
        if all(np.issubdtype(line.x.dtype, np.integer) for line in lines):
            axes.xaxis.set_major_locator(optional("matplotlib.ticker", "report").MaxNLocator(8, integer=True))
        _finish(axes, x_name, y_name, log=log)
        buffer = io.StringIO()
        nothing: Mapping[str, Any] = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return _within_page(buffer.getvalue(), name, text)


def polyline(values: np.ndarray, low: float, high: float, *, width: float = 100.0, height: float = 40.0) -> str:
    """The points of a small curve, for the attribute of an SVG `polyline`.

    Args:
        values: (points,).
        low: the value at the bottom.
        high: the value at the top.
        width: of the drawing.
        height: of it.
    """
    x = np.linspace(0.0, width, len(values)) if len(values) > 1 else np.array([width / 2])
    y = height * (1.0 - (np.clip(values, low, high) - low) / ((high - low) or 1.0))
    return " ".join(f"{left:.1f},{top:.1f}" for left, top in zip(x, y, strict=True))


def _finish(axes: Any, x_name: str, y_name: str, *, log: bool) -> None:
    ticker = optional("matplotlib.ticker", "report")
    if log:
        axes.set(yscale="log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0) if high < 100.0 * low else (1.0,), numticks=9))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_xlabel(x_name, color=_INK)
    axes.set_ylabel(y_name, color=_INK)
    axes.margins(x=0.02)
    axes.grid(visible=True, color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=_INK, labelcolor=_INK, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_GRID)
    axes.legend(frameon=False, fontsize=8, labelcolor=_INK)


def _within_page(svg: str, name: str, text: str) -> str:
    """matplotlib's file as an element of HTML: no header, style sheet and addresses; identifiers of its own; the page's colors and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(?:xmlns(?::\w+)?|version|width|height)="[^"]*"', "", svg, count=5)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r'xlink:href="#', f'href="#{name}-', svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", svg)
    label = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return re.sub(r"\n\s*", "\n", svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)).strip()
