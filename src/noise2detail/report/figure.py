"""A figure for a paper: images side by side in one intensity mapping, parts of them magnified, scale bars, measures.

Text stays text and pixels stay pixels: in a PDF and an SVG the images are embedded as they are, in a PNG each pixel is
a square of dots. The same content gives the same bytes.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noise2detail.report import lettering
from noise2detail.report.canvas import Canvas
from noise2detail.report.figure_layout import Content, Page, Sheet, lay_out, panel_width
from noise2detail.report.figure_marks import Marks, curves, mark_line, mark_parts, scale_bars
from noise2detail.report.shades import Shades
from noise2detail.types import Pixels

FORMATS = ("png", "pdf", "svg")
"""What a figure can be written as."""

SIZES = {"letter": 8.0, "title": 7.0, "fact": 6.5, "mark": 6.0}
"""Points; journals ask for 6 at least."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image of a figure."""

    plane: Pixels
    """``(y, x)``, or ``(y, x, 3)`` with colours; NaN where there is no value."""
    label: str
    """Above it."""
    shades: Shades
    """How values become shades."""
    facts: tuple[str, ...] = ()
    """Below it."""
    curve: bool = True
    """Whether it has a curve in the profile."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure as a file, and its measures."""

    content: bytes
    width_mm: float
    height_mm: float
    dpi: float
    """Of a PNG."""
    every: int
    """Each so many-th pixel is shown outside magnified parts."""


def draw(pictures: Sequence[Picture], marks: Marks, page: Page, kind: str, about: Mapping[str, str]) -> Drawn:
    """The figure.

    Parameters
    ----------
    pictures
        Of the same shape; the first has the scale bars and the line of the profile.
    marks
        Within the images.
    page
        Width and density.
    kind
        One of ``FORMATS``.
    about
        ``program``, ``command`` and ``shown``, which go into the file where programs look for such things.

    Raises
    ------
    SettingError
        Too many panels side by side.
    """
    import matplotlib.style

    facts = [_lines(picture, panel_width(page, len(pictures))) for picture in pictures]
    rows, columns = pictures[0].plane.shape[:2]
    down, across = marks.pixel_size_um or (1.0, 1.0)
    content = Content(
        len(pictures), (rows, columns), marks.parts, max(map(len, facts)), marks.line is not None, down / across
    )
    sheet = lay_out(content, page)
    settings = {
        "font.family": lettering.FONT, "pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "noise2detail",
        "axes.linewidth": 0.6, "axes.unicode_minus": False,
    }  # fmt: skip
    with matplotlib.style.context(["default", settings]):
        written = _drawn(pictures, facts, marks, sheet, kind, about)
    inches = 25.4 / sheet.dpi
    return Drawn(written, sheet.width * inches, sheet.height * inches, sheet.dpi, sheet.every)


def _lines(picture: Picture, width: float) -> tuple[str, ...]:
    lines = (lettering.wrapped(lettering.shown(fact), SIZES["fact"], 0.98 * width) for fact in picture.facts)
    return tuple(line for broken in lines for line in broken)


def _drawn(
    pictures: Sequence[Picture],
    facts: Sequence[tuple[str, ...]],
    marks: Marks,
    sheet: Sheet,
    kind: str,
    about: Mapping[str, str],
) -> bytes:
    canvas = Canvas(sheet, magnified=kind == "png")
    shape = pictures[0].plane.shape[0], pictures[0].plane.shape[1]
    for number, (picture, panel) in enumerate(zip(pictures, sheet.panels, strict=True)):
        whole = picture.shades.of(picture.plane[:: sheet.every, :: sheet.every])
        magnified = [picture.shades.of(picture.plane[part.pixels]) for part in marks.parts]
        canvas.title(panel.title, _letter(number, len(pictures)), picture.label)
        for shades, box in zip((whole, *magnified), (panel.overview, *panel.insets), strict=True):
            canvas.image(box, shades)
        mark_parts(canvas, panel, marks.parts, shape)
        canvas.lines(panel.facts, facts[number])
        if number == 0:
            mark_line(canvas, panel, marks.line, shape)
            scale_bars(canvas, panel, marks, shape, (whole, *magnified))
    if sheet.profile is not None and marks.line is not None:
        named = [(f"{_letter(n, len(pictures))} {p.label}".strip(), p.plane) for n, p in enumerate(pictures) if p.curve]
        curves(canvas, sheet.profile, named, marks)
    content = io.BytesIO()
    canvas.figure.savefig(content, format=kind, dpi=sheet.dpi, metadata=_metadata(kind, about))
    return content.getvalue()


def _letter(number: int, count: int) -> str:
    """Of a panel, as the text of a paper refers to it; none where there is nothing to tell apart."""
    return chr(ord("a") + number) if count > 1 and number < 26 else ""


def _metadata(kind: str, about: Mapping[str, str]) -> dict[str, Any]:
    """Under the names that each format has for it, and without the time, which would make reruns differ."""
    program, command, shown = about["program"], about["command"], about["shown"]
    if kind == "png":
        return {"Software": program, "Description": shown, "Comment": command}
    if kind == "pdf":
        return {"Creator": program, "Subject": shown, "Keywords": command, "CreationDate": None}
    return {"Creator": program, "Description": f"{shown}; {command}", "Date": None}
