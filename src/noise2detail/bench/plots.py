"""Results as pictures: quality against time, and how it scatters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noise2detail.bench.scoring import METRICS
from noise2detail.bench.tables import Board

RAW_COLOUR, OWN_COLOUR, OTHER_COLOUR = "0.6", "#d55e00", "#0072b2"
"""Of the noisy image, of this package's own method, of all others: told apart by most colour-blind people."""

OWN = "noise2detail"


def draw(board: Board, stem: Path) -> list[Path]:
    """PNG files beside ``stem``: quality against seconds, and box plots by group; none where nothing can be drawn."""
    from matplotlib.figure import Figure

    drawn: list[Path] = []
    for ending, plot in (("seconds", _against_seconds), ("boxes", _boxes)):
        figure = Figure(figsize=(9, 6), layout="constrained")
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


def _against_seconds(board: Board, figure: Any) -> bool:
    points = {}
    for name in board.methods:
        seconds, value = board.seconds(name), board.mean(name, board.lead)
        if seconds and value is not None:
            points[name] = (seconds, value)
    if not points:
        return False
    axes = figure.add_subplot()
    front = pareto(list(points.values()))
    axes.step(*zip(*front, strict=True), where="post", color="0.75", zorder=1, label="best for the time")
    for name, (seconds, value) in points.items():
        axes.scatter(seconds, value, color=_colour(name), s=36, zorder=2)
        axes.annotate(name, (seconds, value), xytext=(5, 4), textcoords="offset points", fontsize=8)
    raw = board.mean(board.methods[0], board.lead) if board.seconds(board.methods[0]) is None else None
    if raw is not None:
        axes.axhline(raw, color=RAW_COLOUR, linestyle=":", label=board.methods[0])
    axes.set(xscale="log", xlabel="seconds for an image (median)", ylabel=METRICS[board.lead].title)
    axes.set_title(str(board.head["title"]), fontsize=10)
    axes.margins(x=0.15, y=0.1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    return True


def _boxes(board: Board, figure: Any) -> bool:
    methods = [name for name in board.methods if board.mean(name, board.lead) is not None]
    if not methods:
        return False
    columns = min(3, len(board.groups))
    rows = -(-len(board.groups) // columns)
    figure.set_size_inches(4.2 * columns, max(2.5, 0.28 * len(methods) + 1) * rows)
    for number, group in enumerate(board.groups):
        axes = figure.add_subplot(rows, columns, number + 1)
        values = [[row[board.lead] for row in board.of(name, group) if board.lead in row] for name in methods]
        boxes = axes.boxplot(values, orientation="horizontal", patch_artist=True, widths=0.6)
        for box, name in zip(boxes["boxes"], methods, strict=True):
            box.set_facecolor(_colour(name))
            box.set_alpha(0.5)
        labels = methods if number % columns == 0 else [""] * len(methods)
        axes.set_yticks(range(1, len(methods) + 1), labels, fontsize=8)
        axes.invert_yaxis()
        axes.set_title(group, fontsize=9)
        axes.set_xlabel(METRICS[board.lead].title, fontsize=8)
        axes.grid(axis="x", alpha=0.3)
    return True


def _colour(name: str) -> str:
    return OWN_COLOUR if name.startswith(OWN) else RAW_COLOUR if name == "noisy" else OTHER_COLOUR
