"""Pictures of the gallery: the same part of several images side by side, pixels enlarged and never smoothed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

GAP, LABEL = 6, 24


@dataclass(frozen=True)
class Panel:
    """One image of a picture."""

    title: str
    """Above it."""
    values: NDArray[Any]
    """The part that is shown, rows and columns, with samples last where it has colours."""
    middle: float | None = None
    """Value shown as middle grey, on the same scale as the others: 0 for a residual."""


def draw(panels: Sequence[Panel], black: float, white: float, zoom: int, per_row: int) -> Image.Image:
    """All panels in one mapping of values to grey; a residual has the same contrast around middle grey."""
    tiles = [_tile(panel, black, white, zoom) for panel in panels]
    return _sheet(tiles, per_row)


def _sheet(tiles: Sequence[Image.Image], per_row: int) -> Image.Image:
    rows = [tiles[start : start + per_row] for start in range(0, len(tiles), per_row)]
    width, height = tiles[0].size
    mode = "RGB" if any(tile.mode == "RGB" for tile in tiles) else "L"
    size = (len(rows[0]) * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP)
    sheet = Image.new(mode, size, "white")
    for down, row in enumerate(rows):
        for across, tile in enumerate(row):
            sheet.paste(tile, (across * (width + GAP), down * (height + GAP)))
    return sheet


def _tile(panel: Panel, black: float, white: float, zoom: int) -> Image.Image:
    shown = panel.values.astype(np.float64)
    if panel.middle is not None:
        shown = shown - panel.middle + (black + white) / 2
    # 64 levels: the eye sees no step between them, and noise takes a quarter less room
    grey = (((shown - black) / (white - black)).clip(0, 1) * 63).round() * 255 / 63
    picture = Image.fromarray(grey.round().astype(np.uint8))
    picture = picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
    tile = Image.new(picture.mode, (picture.width, picture.height + LABEL), "white")
    ImageDraw.Draw(tile).text((2, 2), panel.title, fill="black", font=ImageFont.load_default(16))
    tile.paste(picture, (0, LABEL))
    return tile


def cover(halves: Sequence[tuple[str, Path, int]], side: int) -> Image.Image:
    """Nine squares, each the left half of the first panel of a picture beside the right half of its second.

    Parameters
    ----------
    halves
        Title, picture, and width of its panels.
    side
        Of a square, at most the height and the width of a panel.
    """
    tiles = []
    for title, path, width in halves:
        with Image.open(path) as picture:
            drawn = picture.convert("RGB")
        left, top = (width - side) // 2, LABEL
        middle, bottom = left + side // 2, top + side
        tile = Image.new("RGB", (side, side + LABEL), "white")
        ImageDraw.Draw(tile).text((2, 2), title, fill="black", font=ImageFont.load_default(16))
        tile.paste(drawn.crop((left, top, middle, bottom)), (0, LABEL))
        second = width + GAP
        tile.paste(drawn.crop((second + middle, top, second + left + side, bottom)), (side // 2, LABEL))
        tiles.append(tile)
    return _sheet(tiles, 3)


def save(picture: Image.Image, path: Path) -> None:
    """As WebP without loss, which everybody's browser shows and which is the smallest for noise."""
    path.parent.mkdir(exist_ok=True)
    picture.save(path, lossless=True, quality=100, method=6)
