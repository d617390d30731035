"""Block matching: for each reference patch, the patches around it that resemble it most."""

from collections.abc import Iterator

import torch
from torch import Tensor

from noise2detail.patches.layout import Piece, Strip


def squared_lengths(table: Tensor, strip: Strip) -> Tensor:
    """Squared length of each candidate ``(high, wide)``; infinite where the patch leaves the image.

    An infinite length puts a candidate at infinite distance from every reference.
    """
    layout = strip.layout
    lengths: Tensor = (
        torch.linalg.vector_norm(table, dim=1).square_().view(strip.high, strip.wide)
    )  # no squares are stored
    reach = layout.search.reach
    rows = torch.arange(strip.high, device=table.device) + strip.top - reach
    columns = torch.arange(strip.wide, device=table.device) - reach
    inside = [(at >= 0) & (at < layout.candidates(n)) for at, n in ((rows, layout.y), (columns, layout.x))]
    return lengths.masked_fill_(~(inside[0][:, None] & inside[1]), torch.inf)


def match(table: Tensor, lengths: Tensor, strip: Strip, piece: Piece) -> tuple[Tensor, Tensor]:
    """Most similar candidates of every reference in a piece of a row of cells, and their mean square differences.

    ``|a - b|^2 = |a|^2 - 2 a.b + |b|^2``: the middle term is one matrix product for all references of a cell with all
    candidates of its window. Within the products, those that belong to one reference form a square whose place moves
    with the reference: a strided view.

    Parameters
    ----------
    table
        Every candidate of the strip, ``(high * wide, values)``: pixels or coefficients of an orthonormal transform.
    lengths
        From ``squared_lengths``.
    strip
        Geometry.
    piece
        The cells.

    Returns
    -------
    Rows of ``table`` and mean square differences, both ``(references, count)``, nearest first, the reference itself
    at the very first.
    """
    search, wide, values = strip.layout.search, strip.wide, table.shape[1]
    cell, step, reach, window = search.cell, search.step, search.reach, search.window
    cells, hop, width = piece.cells, cell * step, 2 * reach + 1
    top = (piece.row * wide + piece.first) * hop
    around = table.as_strided((cells, window, window, values), (hop * values, wide * values, values, 1), top * values)
    around = around.reshape(cells, window * window, values)
    shape, stride, start = (cells, cell, cell), (hop, step * wide, step), top + reach * wide + reach
    own = table.as_strided((*shape, values), (*(values * n for n in stride), 1), start * values)
    far = lengths.as_strided((cells, window, window), (hop, wide, 1), top).reshape(cells, 1, -1)
    scores = torch.baddbmm(far, own.reshape(cells, cell * cell, values), around.mT, alpha=-2)
    square = window * window
    inner = scores.as_strided(
        (*shape, width, width), (cell * cell * square, cell * square + step * window, square + step, window, 1)
    )
    inner[..., reach, reach] = -torch.inf  # rounding must not put another patch before the reference
    lines = min(strip.layout.references(strip.layout.y) - (strip.first + piece.row) * cell, cell)
    columns = min(strip.layout.references(strip.layout.x) - piece.first * cell, cells * cell)
    scores = inner.transpose(0, 1)[:lines].reshape(lines, cells * cell, width * width)[:, :columns]
    scores, nearest = scores.reshape(lines * columns, -1).topk(search.count, largest=False)
    corner = torch.arange(lines, device=table.device)[:, None] * wide + torch.arange(columns, device=table.device)
    corner = (top + step * corner).reshape(-1, 1)
    found = corner + nearest.div(width, rounding_mode="floor") * wide + nearest % width
    itself = lengths.reshape(-1)[corner + reach * (wide + 1)]
    return found, (scores + itself) / values


def grouped(found: Tensor, differences: Tensor, limit: float) -> Iterator[Tensor]:
    """Groups of each size, a power of two: rows of the table, ``(size, groups)``.

    A group takes the nearest candidates within the limit, as many as make a power of two; the reference always.
    """
    size = found.shape[1]
    # candidates outside the image are infinitely far: no limit admits them
    similar = ((differences <= limit) & (differences < torch.inf)).sum(1).clamp_min(1)
    while size:
        chosen = (similar >= size).nonzero()[:, 0]
        if len(chosen):
            yield found[chosen, :size].mT.contiguous()
        found, similar = (values[similar < size] for values in (found, similar))
        size //= 2
