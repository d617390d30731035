"""The arrays of an OME-Zarr image, largest first, each made of the one before without more than a part in memory."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from noise2detail.io.announced import check_memory, largest_piece
from noise2detail.io.lazy import Box, LazyPixels
from noise2detail.io.pyramid import reduced, reduced_part
from noise2detail.io.zarr_layout import Layout, read_layout
from noise2detail.io.zarr_nodes import Node, write_node
from noise2detail.io.zarr_pixels import lazy_pixels, write_pixels
from noise2detail.types import Pixels, PixelSource

_PIECE = 2**24
"""Bytes that are written at once where chunks are smaller: enough of them to keep all processors busy."""

Part = Callable[[Box], Pixels]


def write_levels(
    store: Path, levels: Sequence[Node], pixels: PixelSource, note: Callable[[Box, Pixels], None] | None
) -> None:
    """Fill the arrays of a store.

    Parameters
    ----------
    store
        Its folder.
    levels
        Descriptions of the arrays, that of the whole image first.
    pixels
        Of the whole image.
    note
        Is shown every part of the whole image; None: nobody wants to see it.
    """
    before: PixelSource = pixels
    for number, level in enumerate(levels):
        folder = write_node(store, level)
        layout = read_layout(folder, level)
        if number and isinstance(before, LazyPixels):
            step, part = _reducing(folder, layout, before)
        else:
            before = before if layout.shape == tuple(before.shape) else reduced(np.asarray(before), layout.shape)
            step, part = _copying(folder, layout, before)
        shown = part if number or note is None else _shown(part, note)
        write_pixels(folder, level, layout, step, shown)
        if isinstance(before, LazyPixels):
            before = lazy_pixels(folder, level, layout)


def _copying(folder: Path, layout: Layout, pixels: PixelSource) -> tuple[tuple[int, ...], Part]:
    """Lengths of the parts to write, and what gives one."""
    if not isinstance(pixels, LazyPixels):
        return _step(layout, layout.chunk, _PIECE), lambda box: np.asarray(pixels[box])
    step = _step(layout, layout.chunk, _most())
    lengths = zip(step, pixels.grid, layout.shape, strict=False)
    if pixels.window is not None and all(one % each == 0 or one >= length for one, each, length in lengths):
        check_memory(folder, _size(layout, step))
        return step, pixels.part
    # Where chunks and planes cross, whole planes are read, each once.
    step = _step(layout, (*layout.chunk[:-2], *layout.shape[-2:]), _most())
    check_memory(folder, _size(layout, step))
    return step, lambda box: np.asarray(pixels[box])


def _reducing(folder: Path, layout: Layout, larger: LazyPixels) -> tuple[tuple[int, ...], Part]:
    factor = math.ceil(math.prod(larger.shape) / math.prod(layout.shape))
    step = _step(layout, layout.chunk, _most() // factor)
    check_memory(folder, factor * _size(layout, step))
    return step, lambda box: reduced_part(larger, layout.shape, box)


def _shown(part: Part, note: Callable[[Box, Pixels], None]) -> Part:
    def found(box: Box) -> Pixels:
        pixels = part(box)
        note(box, pixels)
        return pixels

    return found


def _most() -> int:
    piece = largest_piece()
    return _PIECE if piece is None else min(_PIECE, piece // 2)


def _size(layout: Layout, step: Sequence[int]) -> int:
    lengths = (min(one, length) for one, length in zip(step, layout.shape, strict=True))
    return math.prod(lengths) * layout.dtype.itemsize


def _step(layout: Layout, least: Sequence[int], most: int) -> tuple[int, ...]:
    """As many of some parts as so many bytes hold, the last axis first."""
    step = list(least)
    for axis in reversed(range(len(step))):
        room = max(1, most // max(1, _size(layout, step)))
        whole = math.ceil(layout.shape[axis] / step[axis])
        step[axis] *= min(room, whole)
        if room < whole:
            break
    return tuple(step)
