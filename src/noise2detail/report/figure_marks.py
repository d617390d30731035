"""Frames around magnified parts, scale bars, and the curves of a profile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.report import lettering
from noise2detail.report.canvas import Canvas
from noise2detail.report.figure_layout import Box, Panel
from noise2detail.report.insets import Part
from noise2detail.report.line_profile import Line, profile
from noise2detail.report.scale_bar import ScaleBar, scale_bar
from noise2detail.types import Pixels

FRAMES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#0072b2")
CURVES = ("0.65", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that are told apart by people who see few, from Okabe & Ito, "Color universal design", 2008."""

DASHES = ("-", "-", "--", "-.", ":")
"""Of the curves, so that they differ in print without colours too."""

_MARK = 6.0
_THIN, _EDGE = 0.9, 0.4
_BAR, _PAD = 1.6, 2.2
_INSET_SHARE = 0.4

_Place = tuple[float, float, float, float]
"""Left, top, width and height, in dots."""


@dataclass(frozen=True)
class Marks:
    """What is drawn upon the images."""

    parts: tuple[Part, ...] = ()
    """Framed, and magnified below."""
    line: Line | None = None
    """Along which the values are drawn."""
    pixel_size_um: tuple[float, float] | None = None
    """In y and in x; None: unknown, and there is no scale bar."""


def mark_parts(canvas: Canvas, panel: Panel, parts: Sequence[Part], shape: tuple[int, int]) -> None:
    """Draw a frame around each part, and one of the same colour around its magnification; numbers where several."""
    for number, (part, box) in enumerate(zip(parts, panel.insets, strict=True), 1):
        colour = FRAMES[(number - 1) % len(FRAMES)]
        framed = _within(panel.overview, part, shape)
        _framed(canvas, framed, colour)
        _framed(canvas, (box.left, box.top, box.width, box.height), colour)
        if len(parts) > 1:
            name = str(number)
            side = canvas.points(_MARK + 1.5)
            above = framed[1] - side - canvas.points(_THIN)
            _name(canvas, framed[0], above if above >= panel.overview.top else framed[1] + framed[3], name, colour)
            _name(canvas, box.left, box.top, name, colour)


def _framed(canvas: Canvas, place: _Place, colour: str) -> None:
    """A frame just outside of a rectangle: it hides none of its pixels; the dark edge shows on what is bright."""
    left, top, width, height = place
    for grow, thick, shade in ((_THIN, _THIN + 2 * _EDGE, "black"), (_THIN, _THIN, colour)):
        out = canvas.points(grow / 2 + _EDGE)
        corner, size = (left - out, top - out), (width + 2 * out, height + 2 * out)
        canvas.frame(corner, size, fill=False, edgecolor=shade, linewidth=thick, joinstyle="miter")


def _name(canvas: Canvas, left: float, top: float, name: str, colour: str) -> None:
    side = canvas.points(_MARK + 1.5)
    left -= canvas.points(_THIN + _EDGE)
    canvas.frame((left, top), (0.8 * side, side), facecolor=colour, edgecolor="none")
    canvas.text(left + 0.4 * side, top + 0.82 * side, name, _MARK, ha="center", color="black")


def _within(box: Box, part: Part, shape: tuple[int, int]) -> _Place:
    """Left, top, width and height in dots of a part of an image that fills the box."""
    down, across = box.height / shape[0], box.width / shape[1]
    return box.left + part.left * across, box.top + part.top * down, part.width * across, part.height * down


def mark_line(canvas: Canvas, panel: Panel, line: Line | None, shape: tuple[int, int]) -> None:
    """Draw the line of a profile; none, nothing."""
    if line is None:
        return
    box = panel.overview
    ends = [(line.y0, line.x0), (line.y1, line.x1)]
    y = [box.top + (row + 0.5) * box.height / shape[0] for row, _ in ends]
    x = [box.left + (column + 0.5) * box.width / shape[1] for _, column in ends]
    for thick, colour in ((1.6, "black"), (0.8, "white")):
        canvas.line(x, y, color=colour, linewidth=thick, solid_capstyle="butt")


def scale_bars(
    canvas: Canvas, panel: Panel, marks: Marks, shape: tuple[int, int], shades: Sequence[NDArray[np.uint8]]
) -> None:
    """Draw a bar in the image and one in each magnified part with room for it; none where the scale is unknown.

    Parameters
    ----------
    canvas, panel, marks
        Where, and what else is drawn there.
    shape
        Rows and columns of the image.
    shades
        Of the image as it is drawn, and of each magnified part.
    """
    if marks.pixel_size_um is None:
        return
    size, framed = marks.pixel_size_um[1], [_within(panel.overview, part, shape) for part in marks.parts]
    if marks.line is not None:
        line = marks.line
        low = Part(min(line.y0, line.y1), min(line.x0, line.x1), abs(line.y1 - line.y0) + 1, abs(line.x1 - line.x0) + 1)
        framed.append(_within(panel.overview, low, shape))
    _bar(canvas, panel.overview, shades[0], scale_bar(shape[1], size), shape[1], framed)
    for part, box, own in zip(marks.parts, panel.insets, shades[1:], strict=True):
        taken = [(box.left, box.top, canvas.points(_MARK), canvas.points(_MARK))] if len(marks.parts) > 1 else []
        _bar(canvas, box, own, scale_bar(part.width, size, _INSET_SHARE), part.width, taken)


def _bar(
    canvas: Canvas,
    box: Box,
    shades: NDArray[np.uint8],
    bar: ScaleBar,
    columns: int,
    taken: Sequence[_Place],
) -> None:
    """A bar on a ground of its own, in the first corner, from the lower right on, where nothing else is marked."""
    length = round(bar.pixels * box.width / columns)
    letters = canvas.points(lettering.width_of(bar.text, _MARK))
    pad, thick = round(canvas.points(_PAD)), max(1, round(canvas.points(_BAR)))
    width, height = round(max(length, letters)) + 2 * pad, round(canvas.points(_MARK + 0.8)) + thick + 2 * pad
    if width > 0.8 * box.width or height > 0.8 * box.height:
        return
    left, top = _corner(canvas, box, (width, height), taken)
    dark = _under(shades, box, (left, top, width, height)) < 128
    front, ground = ("white", "black") if dark else ("black", "white")
    canvas.frame((left, top), (width, height), facecolor=ground, edgecolor="none", alpha=0.6)
    base = top + height - pad - thick
    canvas.frame((left + (width - length) // 2, base), (length, thick), facecolor=front, edgecolor="none")
    canvas.text(left + width / 2, base - canvas.points(1.4), bar.text, _MARK, ha="center", color=front)


def _corner(canvas: Canvas, box: Box, size: tuple[int, int], taken: Sequence[_Place]) -> tuple[int, int]:
    edge = round(canvas.points(2))
    right, bottom = box.left + box.width - size[0] - edge, box.top + box.height - size[1] - edge
    corners = [(x, y) for y in (bottom, box.top + edge) for x in (right, box.left + edge)]
    return next((one for one in corners if not any(_meet((*one, *size), other) for other in taken)), corners[0])


def _meet(one: _Place, other: _Place) -> bool:
    return all(one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2] for axis in (0, 1))


def _under(shades: NDArray[np.uint8], box: Box, place: _Place) -> float:
    """Mean shade of the pixels below a rectangle of dots."""
    down, across = shades.shape[0] / box.height, shades.shape[1] / box.width
    left, top = (place[0] - box.left) * across, (place[1] - box.top) * down
    rows, columns = slice(int(top), int(top + place[3] * down) + 1), slice(int(left), int(left + place[2] * across) + 1)
    return float(shades[rows, columns].mean())


def curves(canvas: Canvas, box: Box, named: Sequence[tuple[str, Pixels]], marks: Marks) -> None:
    """Draw the values of each image along the line."""
    if marks.line is None:
        return
    room = [round(canvas.points(length)) for length in (34, 14, 6, 26)]  # left, top, right, bottom: for the labels
    inner = Box(box.left + room[0], box.top + room[1], box.width - room[0] - room[2], box.height - room[1] - room[3])
    axes = canvas.axes(inner)
    along = marks.line.distances(marks.pixel_size_um or (1.0, 1.0))
    for number, (name, plane) in enumerate(named):
        look = {"color": CURVES[number % len(CURVES)], "linestyle": DASHES[number % len(DASHES)]}
        most = inner.width / canvas.points(1) / len(named) - 26
        name = lettering.shortened(lettering.shown(name), 6.5, most)
        axes.plot(along, profile(plane, marks.line), label=name, linewidth=0.8 if number else 0.7, **look)
    unit = "pixels" if marks.pixel_size_um is None else "µm"
    axes.set_xlabel(f"distance ({unit})", fontsize=7, labelpad=2)
    axes.set_ylabel("intensity", fontsize=7, labelpad=2)
    axes.tick_params(labelsize=6.5, width=0.6, length=2.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0, float(along[-1]))
    legend = axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(named), fontsize=6.5, frameon=False, borderpad=0.2,
        handlelength=1.8, columnspacing=1.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
