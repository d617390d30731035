"""Blind pixels: which a network may not see, what it is shown in their place, and what is hidden beside them."""

from typing import Literal

import torch
from torch import Tensor

Structure = Literal["none", "horizontal", "vertical", "cross"]
"""Line through a blind pixel along which noise is correlated: all of it is hidden."""

RADIUS = 5
"""Pixels between the middle and the rim of the window."""


def blind_pixels(crops: int, side: int, box: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows and columns of one random pixel in each box, ``(crop, pixel)``; boxes at the far ends may be smaller."""
    starts = torch.arange(0, side, box)
    extents = (side - starts).clamp_max(box)
    drawn = torch.rand(crops, 2, len(starts), len(starts), generator=generator)
    rows = starts[:, None] + (drawn[:, 0] * extents[:, None]).long()
    columns = starts + (drawn[:, 1] * extents).long()
    return rows.flatten(1), columns.flatten(1)


def drawn_from_window(
    rows: Tensor, columns: Tensor, side: int, centre: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Row and column of one pixel for each, drawn evenly from the window about it, as far as the crop holds it.

    Parameters
    ----------
    rows, columns, side
        Of the middle of each window; of the crops.
    centre
        Whether the middle may be drawn.
    """
    (top, height), (left, width) = _extent(rows, side), _extent(columns, side)
    drawn = torch.rand(rows.shape, generator=generator)
    if centre:
        place = (drawn * (height * width)).long()
    else:
        place = (drawn * (height * width - 1)).long()
        place += place >= (rows - top) * width + columns - left
    return top + place // width, left + place % width


def median_without_centre(crops: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Median of the window about each pixel without the pixel itself, ``(crop, channel, pixel)``."""
    side, line = crops.shape[-1], torch.arange(-RADIUS, RADIUS + 1, device=crops.device)
    shape = (*rows.shape, len(line), len(line))
    row = (rows[..., None, None] + line[:, None]).expand(shape).flatten(2)
    column = (columns[..., None, None] + line).expand(shape).flatten(2)
    taken = (row >= 0) & (row < side) & (column >= 0) & (column < side)
    taken[..., taken.shape[-1] // 2] = False
    places = (row.clamp(0, side - 1) * side + column.clamp(0, side - 1)).flatten(1)
    values = pixels_at(crops, places).view(*crops.shape[:2], *taken.shape[1:])
    ordered = values.masked_fill(~taken[:, None], torch.inf).sort(-1).values
    count = taken.sum(-1, keepdim=True)[:, None].expand(-1, crops.shape[1], -1, -1)
    found: Tensor = ordered.gather(-1, (count - 1) // 2) + ordered.gather(-1, count // 2)
    return found[..., 0] / 2


def hidden_lines(rows: Tensor, columns: Tensor, side: int, structure: Structure, span: int) -> Tensor:
    """True on the lines through pixels, but not at the pixels themselves unless on another's line.

    ``(crop, 1, side, side)``. As published, what would lie beyond a crop hides the pixel at its border.
    """
    along = torch.arange(1, span // 2 + 1)
    along = torch.cat([-along, along])
    still = torch.zeros_like(along)
    steps = {"none": [], "horizontal": [(still, along)], "vertical": [(along, still)]}
    steps["cross"] = steps["horizontal"] + steps["vertical"]
    hidden = torch.zeros(len(rows), side * side, dtype=torch.bool)
    for down, right in steps[structure]:
        row, column = ((own[..., None] + step).clamp(0, side - 1) for own, step in ((rows, down), (columns, right)))
        hidden.scatter_(1, (row * side + column).flatten(1), True)
    return hidden.view(-1, 1, side, side)


def pixels_at(images: Tensor, places: Tensor) -> Tensor:
    """Pixels of flattened images, ``(image, channel, pixel)``."""
    return images.flatten(2).gather(2, places[:, None].expand(-1, images.shape[1], -1))


def _extent(middle: Tensor, side: int) -> tuple[Tensor, Tensor]:
    start = (middle - RADIUS).clamp_min(0)
    return start, (middle + RADIUS).clamp_max(side - 1) - start + 1
