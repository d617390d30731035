"""A contact sheet: every result side by side, each with the same small part magnified."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.types import Pixels

PANEL = 320
"""Side of a panel in pixels of the sheet."""

GAP, CAPTION = 8, 40
COLUMNS = 5
"""Panels in a row at most."""

ZOOMED = 1 / 8
"""Side of the magnified part, as a share of the smaller side of the image."""

INSET = 0.45
"""Side of the inset, as a share of the panel."""

MARK = (255, 196, 0)
"""Colour of the frames around the part and its inset."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One image with what stands below it."""

    image: Pixels
    """``(y, x)``, or ``(y, x, 3)`` for colours."""
    title: str
    facts: str = ""


def contact_sheet(panels: Sequence[Panel], guide: Pixels) -> Any:
    """The sheet, a Pillow image.

    Parameters
    ----------
    panels
        Images of one size.
    guide
        Image of that size that the displayed range and the magnified part are chosen by: the reference where there is
        one.
    """
    from PIL import Image

    low, high = np.percentile(guide[np.isfinite(guide)], (0.1, 99.9))
    top, left, side = liveliest(guide)
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    scale = PANEL / max(guide.shape[:2])
    y, x = (max(1, round(size * scale)) for size in guide.shape[:2])
    sheet = Image.new("RGB", (columns * (x + GAP) + GAP, rows * (y + CAPTION + GAP) + GAP), "white")
    for number, panel in enumerate(panels):
        corner = GAP + number % columns * (x + GAP), GAP + number // columns * (y + CAPTION + GAP)
        shown = _eight_bit(panel.image, float(low), float(high))
        sheet.paste(_with_inset(shown, (x, y), (top, left, side), scale), corner)
        _write(sheet, (corner[0], corner[1] + y + 2), panel, x)
    return sheet


def liveliest(image: Pixels) -> tuple[int, int, int]:
    """Top, left and side of the square with the most structure: where methods differ."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    grey = np.nan_to_num(np.asarray(image, np.float64))
    grey = grey.mean(-1) if grey.ndim == 3 else grey
    side = max(4, round(min(grey.shape) * ZOOMED))
    smooth = gaussian_filter(grey, 1.5)
    # the root: else a single bright edge outweighs a square full of fine structure
    power = uniform_filter(np.sqrt(np.abs(smooth - gaussian_filter(grey, side / 2))), side)
    half = side // 2
    inner = power[half : grey.shape[0] - half, half : grey.shape[1] - half]
    row, column = np.unravel_index(int(inner.argmax()), inner.shape)
    return int(row), int(column), side


def _eight_bit(image: Pixels, low: float, high: float) -> NDArray[np.uint8]:
    scaled = (np.nan_to_num(np.asarray(image, np.float64)) - low) / ((high - low) or 1.0)
    result: NDArray[np.uint8] = (np.clip(scaled, 0, 1) * 255).round().astype(np.uint8)
    return result if result.ndim == 3 else np.repeat(result[..., None], 3, -1)


def _with_inset(shown: NDArray[np.uint8], size: tuple[int, int], part: tuple[int, int, int], scale: float) -> Any:
    from PIL import Image, ImageDraw

    top, left, side = part
    picture = Image.fromarray(shown).resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST)
    length = round(min(size) * INSET)
    inset = Image.fromarray(shown[top : top + side, left : left + side])
    inset = inset.resize((length, length), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    draw.rectangle([left * scale, top * scale, (left + side) * scale, (top + side) * scale], outline=MARK)
    # in the corner that is farther from the part itself
    x = size[0] - length if (left + side / 2) * scale < size[0] / 2 else 0
    y = size[1] - length if (top + side / 2) * scale < size[1] / 2 else 0
    picture.paste(inset, (x, y))
    draw.rectangle([x, y, x + length - 1, y + length - 1], outline=MARK)
    return picture


def _write(sheet: Any, corner: tuple[int, int], panel: Panel, width: int) -> None:
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(sheet)
    for line, (text, size) in enumerate(((panel.title, 14), (panel.facts, 12))):
        font = ImageFont.load_default(size)
        while text and draw.textlength(text, font) > width:
            text = text[:-2] + "…" if text.endswith("…") else text[:-1] + "…"
        draw.text((corner[0], corner[1] + 18 * line), text, fill="black", font=font)
