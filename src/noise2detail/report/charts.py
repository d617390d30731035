"""Figures as inline SVG, drawn from data without a plotting library: axes, ticks, lines, points, bands and bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from noise2detail.report.ticks import Axis, linear_axis, log_axis

Kind = Literal["line", "points", "band", "steps"]

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 14, 48

MOST_ROWS = 60
"""Rows of the table of a series at most: what is more is thinned out evenly."""


@dataclass(frozen=True, eq=False)
class Series:
    """One curve or cloud of points."""

    name: str
    """In the legend and at the head of the table."""
    x: NDArray[np.float64]
    """Ascending for lines; the edges for steps, one more than values."""
    y: NDArray[np.float64]
    """Values; NaN breaks a line."""
    kind: Kind = "line"
    """How it is drawn."""
    high: NDArray[np.float64] | None = None
    """Upper edge of a band, whose lower edge is ``y``."""
    colour: int | None = None
    """Number of the colour; None: its place among the series."""
    dashed: bool = False
    """For what is a model and no measurement."""


@dataclass(frozen=True)
class Mark:
    """A straight line across the figure, with a name."""

    value: float
    """Where it crosses the axis."""
    axis: Literal["x", "y"]
    """Which axis it crosses."""
    name: str


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure with everything that is drawn in it."""

    title: str
    x_label: str
    """With unit."""
    y_label: str
    """With unit."""
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    caption: str = ""
    """What to see in it, in a sentence or two."""
    log_y: bool = False
    """Values at or below 0 are left out then."""
    y_limits: tuple[float, float] | None = None
    """None: those of the data."""


def svg(chart: Chart, name: str) -> Markup:
    """The figure as SVG text, coloured by the page's style sheet.

    Parameters
    ----------
    name
        Unique on the page; letters, digits and hyphens.
    """
    x, y = _axes(chart)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">').format(
            WIDTH, HEIGHT, name, name
        ),
        Markup('<title id="{}-t">{}</title><desc id="{}-d">{}</desc>').format(name, chart.title, name, describe(chart)),
        Markup('<clipPath id="{}-c"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath>').format(
            name, LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        ),
        _frame(chart, x, y),
        Markup('<g clip-path="url(#{}-c)">').format(name),
        *(_series(one, _colour(one, number), x, y) for number, one in enumerate(chart.series)),
        *(_mark(mark, number, x, y) for number, mark in enumerate(chart.marks)),
        Markup("</g></svg>"),
    ]
    return Markup("").join(parts)


def legend(chart: Chart) -> list[tuple[str, int, str]]:
    """Name, number of the colour and kind of each series."""
    return [
        (one.name, _colour(one, number), "dashed" if one.dashed else one.kind)
        for number, one in enumerate(chart.series)
        if one.name
    ]


def describe(chart: Chart) -> str:
    """The figure in one sentence, for those who do not see it."""
    names = ", ".join(one.name for one in chart.series if one.name) or "no series"
    marks = "".join(f"; {mark.name} at {mark.value:.4g}" for mark in chart.marks)
    return f"{chart.y_label} against {chart.x_label}: {names}{marks}. The numbers stand in the table below the figure."


def rows(series: Series) -> list[tuple[str, ...]]:
    """The numbers of a series as text, thinned out evenly where there are too many."""
    x = series.x[:-1] if series.kind == "steps" else series.x
    places = np.unique(np.linspace(0, max(len(x) - 1, 0), min(len(x), MOST_ROWS)).round().astype(int))
    columns = [x, series.y] if series.high is None else [x, series.y, series.high]
    return [tuple(f"{column[place]:.5g}" for column in columns) for place in places]


def _colour(series: Series, number: int) -> int:
    return (number if series.colour is None else series.colour) % 6


def _axes(chart: Chart) -> tuple[Axis, Axis]:
    xs = _finite([one.x for one in chart.series])
    ys = _finite([one.y for one in chart.series] + [one.high for one in chart.series if one.high is not None])
    if chart.log_y:
        ys = ys[ys > 0]
    if any(one.kind == "steps" for one in chart.series) and not chart.log_y:
        ys = np.append(ys, 0.0)
    low, high = chart.y_limits or (float(ys.min()) if len(ys) else 0.0, float(ys.max()) if len(ys) else 1.0)
    x = linear_axis(float(xs.min()) if len(xs) else 0.0, float(xs.max()) if len(xs) else 1.0, LEFT, WIDTH - RIGHT)
    make = log_axis if chart.log_y and low > 0 else linear_axis
    return x, make(low, high, HEIGHT - BOTTOM, TOP)


def _finite(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    together = np.concatenate([np.ravel(part) for part in parts]) if parts else np.empty(0)
    found: NDArray[np.float64] = together[np.isfinite(together)].astype(np.float64)
    return found


def _frame(chart: Chart, x: Axis, y: Axis) -> Markup:
    floor, ceiling = HEIGHT - BOTTOM, TOP
    lines = [Markup('<g class="grid">')]
    for place, _ in x.ticks:
        lines.append(Markup('<path d="M{:.1f} {}V{}"/>').format(place, ceiling, floor))
    for place, _ in y.ticks:
        lines.append(Markup('<path d="M{} {:.1f}H{}"/>').format(LEFT, place, WIDTH - RIGHT))
    lines.append(Markup('</g><g class="ticks">'))
    for place, label in x.ticks:
        lines.append(Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(place, floor + 17, label))
    for place, label in y.ticks:
        lines.append(Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(LEFT - 7, place + 4, label))
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (floor + ceiling) / 2
    lines.append(
        Markup('</g><path class="axis" d="M{} {}V{}H{}"/><g class="labels">').format(
            LEFT, ceiling, floor, WIDTH - RIGHT
        )
    )
    lines.append(
        Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(middle_x, HEIGHT - 10, chart.x_label)
    )
    lines.append(
        Markup('<text transform="translate(15 {:.1f}) rotate(-90)" text-anchor="middle">{}</text></g>').format(
            middle_y, chart.y_label
        )
    )
    return Markup("").join(lines)


def _series(series: Series, colour: int, x: Axis, y: Axis) -> Markup:
    kind = f"s{colour} {series.kind}{' dashed' if series.dashed else ''}"
    if series.kind == "points":
        path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in _places(series.x, series.y, x, y))
    elif series.kind == "band" and series.high is not None:
        lower = list(_places(series.x, series.y, x, y))
        upper = list(_places(series.x, series.high, x, y))
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in lower + upper[::-1]) + "Z" if lower else ""
    elif series.kind == "steps":
        corners = np.repeat(series.x, 2)[1:-1], np.repeat(series.y, 2)
        path = _line(*corners, x, y)
    else:
        path = _line(series.x, series.y, x, y)
    return Markup('<path class="{}" d="{}"/>').format(kind, path)


def _line(xs: NDArray[np.float64], ys: NDArray[np.float64], x: Axis, y: Axis) -> str:
    drawn, pen = [], "M"
    for across, down in zip(x.places(xs), y.places(ys), strict=True):
        if np.isfinite(across) and np.isfinite(down):
            drawn.append(f"{pen}{across:.1f} {down:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(drawn)


def _places(xs: NDArray[np.float64], ys: NDArray[np.float64], x: Axis, y: Axis) -> Sequence[tuple[float, float]]:
    across, down = x.places(xs), y.places(ys)
    good = np.isfinite(across) & np.isfinite(down)
    return list(zip(across[good].tolist(), down[good].tolist(), strict=True))


def _mark(mark: Mark, number: int, x: Axis, y: Axis) -> Markup:
    if mark.axis == "x":
        place = float(x.places(np.array([mark.value]))[0])
        line = f"M{place:.1f} {TOP}V{HEIGHT - BOTTOM}"
        left = place > (LEFT + WIDTH) / 2
        # each name one line lower, for marks that are close
        text = (place - 5 if left else place + 5, TOP + 14.0 * (number + 1), "end" if left else "start")
    else:
        place = float(y.places(np.array([mark.value]))[0])
        line = f"M{LEFT} {place:.1f}H{WIDTH - RIGHT}"
        text = (WIDTH - RIGHT - 6.0, place - 5 if place > TOP + 18 else place + 14, "end")
    return Markup(
        '<path class="mark" d="{}"/><text class="mark" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
    ).format(line, *text, escape(mark.name))
