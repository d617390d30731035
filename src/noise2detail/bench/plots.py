"""Results as pictures: quality against time, and how it scatters."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from noise2detail.bench.scoring import METRICS
from noise2detail.bench.tables import UNDONE, Board

RAW_COLOUR, OWN_COLOUR, OTHER_COLOUR = "0.6", "#d55e00", "#0072b2"
"""Of the noisy image, of this package's own method, of all others: told apart by most colour-blind people."""

OWN = "noise2detail"

FEW = 5
"""Values up to which they are shown themselves instead of a box."""

LABEL = 0.034
"""Height of a line of text, as a share of the axes."""


def draw(board: Board, stem: Path) -> list[Path]:
    """PNG files beside ``stem``: quality against seconds, and scatter by group; none where nothing can be drawn.

    A method whose clipping was undone is a hollow mark beside the full one. What is worse than the noisy image by more
    than 1 stands at the edge with its value, so that it does not press all others together.
    """
    from matplotlib.figure import Figure

    drawn: list[Path] = []
    for ending, plot in (("seconds", _against_seconds), ("boxes", _scatter)):
        figure = Figure(figsize=(11, 6.5), layout="constrained")
        if plot(board, figure):
            drawn.append(stem.with_name(f"{stem.name}-{ending}.png"))
            figure.savefig(drawn[-1], dpi=110)
    return drawn


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points that no other beats in both: less of the first, more of the second; by the first.

    Examples
    --------
    >>> pareto([(1, 30), (2, 29), (3, 33), (3, 31)])
    [(1, 30), (3, 33)]
    """
    front: list[tuple[float, float]] = []
    for cost, gain in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or gain > front[-1][1]:
            front.append((cost, gain))
    return front


def spaced(heights: Sequence[float], least: float) -> list[float]:
    """Heights from 0 to 1, moved apart to at least ``least``, in their order and as near to their own as that allows.

    Examples
    --------
    >>> spaced([0.5, 0.5, 0.9], 0.1)
    [0.5, 0.6, 0.9]
    >>> spaced([1.0, 1.0], 0.25)
    [0.75, 1.0]
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    result, below = list(heights), -least
    for number in order:
        below = result[number] = max(heights[number], below + least)
    above = 1 + least
    for number in reversed(order):
        above = result[number] = min(result[number], above - least)
    return [round(height, 9) for height in result]


def _against_seconds(board: Board, figure: Any) -> bool:
    points = _points(board)
    if not points:
        return False
    axes = figure.add_subplot()
    lowest = _lowest(board, [value for _, value in points.values()], None)
    shown = {name: (seconds, max(value, lowest)) for name, (seconds, value) in points.items()}
    front = pareto([point for name, point in shown.items() if not name.endswith(UNDONE)])
    axes.step(*zip(*front, strict=True), where="post", color="0.75", zorder=1, label="best for the time")
    for name, point in shown.items():
        _mark(axes, *point, name, below=points[name][1] < lowest)
    raw = board.mean(board.methods[0], board.lead) if board.seconds(board.methods[0]) is None else None
    if raw is not None:
        axes.axhline(raw, color=RAW_COLOUR, linestyle=":", label=board.methods[0])
    if any(name.endswith(UNDONE) for name in points):
        axes.scatter([], [], facecolor="white", edgecolor=OTHER_COLOUR, s=30, label="hollow: clipping undone")
    axes.set(xscale="log", xlabel="seconds for an image (median)", ylabel=METRICS[board.lead].title)
    axes.set_title(str(board.head["title"]), fontsize=10)
    axes.margins(x=0.06, y=0.06)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    plain = {name: point for name, point in shown.items() if not name.endswith(UNDONE)}
    _name(axes, plain, {name: f" {points[name][1]:.{METRICS[board.lead].digits}f}" for name in plain})
    return True


def _points(board: Board) -> dict[str, tuple[float, float]]:
    """Seconds and the leading metric of every method that ran."""
    points = {}
    for name in board.methods:
        seconds, value = board.seconds(name), board.mean(name, board.lead)
        if seconds and value is not None:
            points[name] = (seconds, value)
    return points


def _name(axes: Any, points: Mapping[str, tuple[float, float]], facts: Mapping[str, str]) -> None:
    """Names at the right, one below the other, each with a line to its point."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    heights = spaced([(value - low) / (high - low) for _, value in points.values()], min(LABEL, 1 / len(points)))
    for (name, point), height in zip(points.items(), heights, strict=True):
        axes.annotate(
            name + facts[name],
            point,
            xytext=(1.02, height),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            color=_colour(name),
            arrowprops={"arrowstyle": "-", "color": "0.85", "linewidth": 0.6, "relpos": (0, 0.5), "shrinkA": 1},
            zorder=0,
        )


def _lowest(board: Board, values: Sequence[float], group: str | None) -> float:
    """Least value that is drawn in its place."""
    raw = board.mean(board.methods[0], board.lead, group)
    better = [value for value in values if raw is None or value >= raw - 1]
    return min(better, default=min(values))


def _mark(axes: Any, x: float, y: float, name: str, *, below: bool, edge: str = "v") -> None:
    hollow = name.endswith(UNDONE)
    colour = _colour(name)
    face = "white" if hollow else colour
    axes.scatter(x, y, marker=edge if below else "o", facecolor=face, edgecolor=colour, s=30, zorder=2 + (not hollow))


def _scatter(board: Board, figure: Any) -> bool:
    methods = [name for name in board.methods if board.mean(name, board.lead) is not None]
    plain = [name for name in methods if not name.endswith(UNDONE)]
    if not methods:
        return False
    columns = min(3, len(board.groups))
    rows = -(-len(board.groups) // columns)
    figure.set_size_inches(4.2 * columns, max(2.5, 0.26 * len(plain) + 1) * rows)
    for number, group in enumerate(board.groups):
        axes = figure.add_subplot(rows, columns, number + 1)
        means = [value for name in methods if (value := board.mean(name, board.lead, group)) is not None]
        lowest = _lowest(board, means, group) if means else 0.0
        for name in methods:
            values = [float(row[board.lead]) for row in board.of(name, group) if board.lead in row]
            _row_of(axes, values, plain.index(name.removesuffix(UNDONE)), name, lowest)
        axes.set_yticks(range(len(plain)), plain if number % columns == 0 else [""] * len(plain), fontsize=8)
        axes.set_ylim(len(plain) - 0.4, -0.6)
        axes.set_title(group, fontsize=9)
        axes.set_xlabel(METRICS[board.lead].title, fontsize=8)
        axes.grid(alpha=0.3)
    return True


def _row_of(axes: Any, values: Sequence[float], place: int, name: str, lowest: float) -> None:
    """A box of many values, or few themselves; what is off the axes at their edge, with the value or the mean."""
    if len(values) > FEW and fmean(values) < lowest - 1:
        values = [fmean(values)]
    if len(values) > FEW:
        boxes = axes.boxplot([values], positions=[place], orientation="horizontal", patch_artist=True, widths=0.6)
        boxes["boxes"][0].set(facecolor="none" if name.endswith(UNDONE) else _colour(name), alpha=0.5)
        return
    for value in values:
        off = value < lowest - 1
        _mark(axes, lowest if off else value, place, name, below=off, edge="<")
        if off and not name.endswith(UNDONE):
            axes.annotate(f"{value:.1f}", (lowest, place), xytext=(6, -3), textcoords="offset points", fontsize=7)


def _colour(name: str) -> str:
    return OWN_COLOUR if name.startswith(OWN) else RAW_COLOUR if name == "noisy" else OTHER_COLOUR
