"""What a figure is drawn on: images, text, frames and lines at places given in dots, counted from the upper left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.report import lettering
from noise2detail.report.figure_layout import FACT, LEAD, Box, Sheet

_LETTER_ROOM = 9.0
# a hundredth of a dot keeps the size from being rounded down where it comes back as inches times dots per inch
_MORE = 1e-2


class Canvas:
    """A figure whose unit is the dot, counted from the upper left corner.

    Parameters
    ----------
    sheet
        Its size.
    magnified
        Pixels are squares of dots; else images are embedded as they are, for formats that magnify them themselves.
    """

    def __init__(self, sheet: Sheet, *, magnified: bool) -> None:
        from matplotlib.figure import Figure
        from matplotlib.transforms import Affine2D

        self.sheet, self.magnified = sheet, magnified
        self._size = sheet.width + _MORE, sheet.height + _MORE
        self.figure: Any = Figure(figsize=(self._size[0] / sheet.dpi, self._size[1] / sheet.dpi), facecolor="white")
        self._dots: Any = Affine2D().scale(1, -1).translate(0, sheet.height)
        self._dots = self._dots.scale(1 / self._size[0], 1 / self._size[1]) + self.figure.transFigure

    def axes(self, box: Box) -> Any:
        """Axes that fill a box."""
        bottom = self.sheet.height - box.top - box.height
        width, height = self._size
        return self.figure.add_axes((box.left / width, bottom / height, box.width / width, box.height / height))

    def image(self, box: Box, shades: NDArray[np.uint8]) -> None:
        """Draw an image that fills a box."""
        axes = self.axes(box)
        axes.set_axis_off()
        if self.magnified:
            down, across = box.height // shades.shape[0], box.width // shades.shape[1]
            shades = shades.repeat(down, 0).repeat(across, 1)
        axes.imshow(shades, interpolation="nearest" if self.magnified else "none", aspect="auto")

    def frame(self, corner: tuple[float, float], size: tuple[float, float], **look: Any) -> None:
        """Draw a rectangle: its left upper corner, its width and height."""
        from matplotlib.patches import Rectangle

        self.figure.add_artist(Rectangle(corner, *size, transform=self._dots, **look))

    def line(self, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
        """Draw a line through places."""
        from matplotlib.lines import Line2D

        self.figure.add_artist(Line2D(list(x), list(y), transform=self._dots, **look))

    def text(self, x: float, y: float, text: str, size: float, **look: Any) -> None:
        """Write a line of text with its base line at a place; nothing in it is taken for a formula."""
        at = self._dots.transform((x, y)) / self.figure.bbox.size
        look = {"va": "baseline", **look}
        self.figure.text(*at, lettering.shown(text), fontsize=size, parse_math=False, **look)

    def title(self, box: Box, letter: str, label: str) -> None:
        """Write the letter of a panel and its label."""
        room = _LETTER_ROOM if letter else 0.0
        base = box.top + box.height - self.points(3.5)
        self.text(box.left, base, letter, 8.0, weight="bold")
        most = box.width / self.points(1) - room
        self.text(box.left + self.points(room), base, lettering.shortened(lettering.shown(label), 7.0, most), 7.0)

    def lines(self, box: Box, lines: Sequence[str]) -> None:
        """Write lines below each other."""
        for number, line in enumerate(lines, 1):
            self.text(box.left, box.top + self.points(LEAD + FACT * number - 1.5), line, 6.5, color="0.15")

    def points(self, length: float) -> float:
        """A length in points, in dots."""
        return length * self.sheet.dpi / 72
