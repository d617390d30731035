"""Where everything in a figure goes, in dots: geometry alone, the same for every format.

A panel is a whole number of dots for each pixel of its image, so that no pixel is resampled. Since the width of the
figure is given too, it is the density of the dots that yields: it comes out a little above the one that was asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from noise2detail.errors import SettingError
from noise2detail.report.insets import Part

DENSEST = 1200
"""Dots per inch beyond which no print shows more: an image that would need more is shown with every n-th pixel."""

NARROWEST = 40.0
"""Millimetres that a panel should have at least: it decides how many stand side by side."""

MARGIN, GAP, INSET_GAP, TITLE, FACT, LEAD = 2.0, 8.0, 4.0, 12.0, 8.5, 2.0
"""Points: around everything, between panels, around magnified parts, height of a title, of a line below, and before it.
"""

FRAME = 1.3
"""Points: thickness of the frame around a magnified part."""

PROFILE = 110.0
"""Points: height of the curves, with their labels."""

IN_A_ROW = 3
"""Magnified parts side by side, at most."""

_WIDTHS, _DENSITIES = (30.0, 1000.0), (72.0, 2400.0)
_POINTS, _MM = 72.0, 25.4
_EXACT, _TINY = 0.03, 1e-9


@dataclass(frozen=True)
class Page:
    """What is asked of the whole."""

    width_mm: float = 180.0
    """Two columns of a journal; 85 for one."""
    dpi: float = 300.0
    """Dots per inch, at least."""
    columns: int | None = None
    """Panels side by side; None: as many as are wide enough."""

    def __post_init__(self) -> None:
        for name, value, (low, high), unit in (
            ("width", self.width_mm, _WIDTHS, "mm"),
            ("dpi", self.dpi, _DENSITIES, "dots per inch"),
        ):
            if not low <= value <= high:
                raise SettingError(f"{name} is {value:g}; expected {low:g} to {high:g} {unit}")
        if self.columns is not None and self.columns < 1:
            raise SettingError(f"columns is {self.columns}; expected at least 1")


@dataclass(frozen=True)
class Content:
    """What has to be placed."""

    panels: int
    shape: tuple[int, int]
    """Of the images, rows and columns."""
    parts: tuple[Part, ...] = ()
    """Magnified below each."""
    facts: int = 0
    """Lines of text below each."""
    profile: bool = False
    """Curves at the foot."""
    stretch: float = 1.0
    """Height of a pixel over its width."""


@dataclass(frozen=True)
class Box:
    """A rectangle of dots, counted from the upper left corner of the figure."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Panel:
    """The places of one image."""

    title: Box
    overview: Box
    insets: tuple[Box, ...]
    facts: Box


@dataclass(frozen=True)
class Sheet:
    """The places of everything."""

    width: int
    height: int
    dpi: float
    panels: tuple[Panel, ...]
    profile: Box | None
    every: int
    """Of the pixels of an image, each so many-th is shown, unless in a magnified part; 1: all of them."""

    def dots(self, points: float) -> int:
        """A length in points, rounded to whole dots."""
        return round(points * self.dpi / _POINTS)


def columns_of(page: Page, panels: int) -> int:
    """Panels side by side, rows about equally full.

    Examples
    --------
    >>> [columns_of(Page(180), panels) for panels in (2, 4, 5, 9)], columns_of(Page(85), 3)
    ([2, 4, 3, 3], 2)
    """
    if page.columns is not None:
        return min(page.columns, panels)
    most = max(1, int((page.width_mm + GAP / _POINTS * _MM) / NARROWEST))
    return math.ceil(panels / math.ceil(panels / most))


def panel_width(page: Page, panels: int) -> float:
    """Points that a panel may be wide.

    Raises
    ------
    SettingError
        So many panels do not fit side by side.
    """
    columns = columns_of(page, panels)
    width = (page.width_mm / _MM * _POINTS - 2 * MARGIN - (columns - 1) * GAP) / columns
    if width < NARROWEST / 2 / _MM * _POINTS:
        raise SettingError(
            f"{columns} panels side by side in {page.width_mm:g} mm are less than {NARROWEST / 2:g} mm wide; give "
            "fewer columns or a greater width"
        )
    return width


def lay_out(content: Content, page: Page) -> Sheet:
    """The places of everything.

    Raises
    ------
    SettingError
        Too many panels side by side.
    """
    inches = panel_width(page, content.panels) / _POINTS
    densest = max(DENSEST, page.dpi)
    every = max(1, math.ceil(content.shape[1] / inches / densest - _TINY))
    across = math.ceil(content.shape[1] / every)
    least = max(1, math.ceil(page.dpi * inches / across - _TINY))
    most = max(least, min(3 * least, int(densest * inches / across)))
    tried = [_Scale(content, every, dots, dots * across / inches) for dots in range(least, most + 1)]
    scale = next((one for one in tried if one.fault <= _EXACT), None) or min(tried, key=lambda one: one.fault)
    return _placed(content, page, scale)


@dataclass(frozen=True)
class _Scale:
    """Dots for a pixel, and what follows from it."""

    content: Content
    every: int
    across: int
    dpi: float

    @property
    def overview(self) -> tuple[int, int]:
        """Width and height of an image."""
        rows, columns = (math.ceil(length / self.every) for length in self.content.shape)
        return columns * self.across, rows * self._down(self.across)

    @property
    def rows(self) -> list[list[tuple[int, int]]]:
        """Width and height of the magnified parts, row by row."""
        parts = self.content.parts
        for count in range(min(IN_A_ROW, len(parts)), 0, -1):
            zooms = [self._zoom(part, count) for part in parts]
            if count == 1 or all(zoom * self.every > self.across for zoom in zooms):
                sizes = [(z * p.width, self._down(z) * p.height) for z, p in zip(zooms, parts, strict=True)]
                return [sizes[start : start + count] for start in range(0, len(sizes), count)]
        return []

    @property
    def fault(self) -> float:
        """By how much the worst is off: a row of magnified parts too narrow, or pixels of the wrong shape."""
        slack = [1 - (sum(w for w, _ in row) + (len(row) - 1) * self._gap) / self.inner for row in self.rows]
        shape = abs(self._down(self.across) / (self.across * self.content.stretch) - 1)
        return max([shape, *slack])

    @property
    def _gap(self) -> int:
        return round(INSET_GAP * self.dpi / _POINTS)

    @property
    def inner(self) -> int:
        """Width that the magnified parts share: their frames end where the image does."""
        return self.overview[0] - 2 * round(FRAME * self.dpi / _POINTS)

    def _zoom(self, part: Part, count: int) -> int:
        """Dots for a pixel of a part of which ``count`` share the width; it is never higher than the image."""
        room = (self.inner - (count - 1) * self._gap) // count
        return max(1, min(room // part.width, int(self.overview[1] / (part.height * self.content.stretch) + _TINY)))

    def _down(self, across: int) -> int:
        return max(1, round(across * self.content.stretch))


def _placed(content: Content, page: Page, scale: _Scale) -> Sheet:
    def dots(points: float) -> int:
        return round(points * scale.dpi / _POINTS)

    columns = columns_of(page, content.panels)
    width, height = scale.overview
    insets = _inset_boxes(scale.rows, scale.inner, dots(INSET_GAP), dots(FRAME))
    below = max((box.top + box.height for box in insets), default=0)
    tall = dots(TITLE) + height + below + dots(FACT * content.facts + (LEAD if content.facts else 0))
    panels = []
    for number in range(content.panels):
        row, column = divmod(number, columns)
        left, top = dots(MARGIN) + column * (width + dots(GAP)), dots(MARGIN) + row * (tall + dots(GAP))
        panels.append(_panel(Box(left, top, width, tall), dots(TITLE), height, insets))
    total = 2 * dots(MARGIN) + columns * width + (columns - 1) * dots(GAP)
    foot = panels[-1].title.top + tall + dots(MARGIN)
    curves = Box(dots(MARGIN), foot, total - 2 * dots(MARGIN), dots(PROFILE)) if content.profile else None
    end = foot + (dots(PROFILE + MARGIN) if content.profile else 0)
    return Sheet(total, end, scale.dpi, tuple(panels), curves, scale.every)


def _panel(whole: Box, title: int, height: int, insets: Sequence[Box]) -> Panel:
    overview = Box(whole.left, whole.top + title, whole.width, height)
    foot = overview.top + height
    moved = tuple(Box(whole.left + b.left, foot + b.top, b.width, b.height) for b in insets)
    end = max([foot, *(box.top + box.height for box in moved)])
    return Panel(
        Box(whole.left, whole.top, whole.width, title),
        overview,
        moved,
        Box(whole.left, end, whole.width, whole.top + whole.height - end),
    )


def _inset_boxes(rows: Sequence[Sequence[tuple[int, int]]], width: int, gap: int, frame: int) -> list[Box]:
    """Places below an image: the first of a row at its left edge, the last at its right one."""
    boxes, top = [], gap
    for row in rows:
        room = (width - sum(w for w, _ in row)) / (len(row) - 1) if len(row) > 1 else 0.0
        edges = [0, *(w + room for w, _ in row)]
        lefts = [sum(edges[: number + 1]) for number in range(len(row))]
        boxes += [Box(frame + round(left), top, w, h) for left, (w, h) in zip(lefts, row, strict=True)]
        top += max(h for _, h in row) + gap
    return boxes


def inset_side(page: Page, panels: int, columns: int, zoom: int = 4) -> int:
    """Pixels that the side of a square has of which two, so many times magnified, fill the width of an image.

    Parameters
    ----------
    page, panels
        Which decide how wide an image is drawn.
    columns
        Of an image.
    zoom
        Dots for a pixel over those in the whole image.
    """
    share = 1 - (2 * FRAME + INSET_GAP) / panel_width(page, panels)
    return max(8, int(columns * share / 2 / zoom))
