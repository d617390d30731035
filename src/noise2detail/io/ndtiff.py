"""NDTiff, as Micro-Manager and Pycro-Manager write it: a folder of frames along any axes; read only."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image, check_axes
from noise2detail.io.acquisition import reading
from noise2detail.io.announced import check_memory
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.lazy import LazyPixels, nbytes, stays_in_file
from noise2detail.io.ndtiff_index import (
    FULL,
    INDEX,
    Frame,
    folder_of,
    is_ndtiff,
    metadata_of,
    read_index,
    sizes_of,
    summary_of,
)
from noise2detail.io.several import Choice, choose
from noise2detail.types import Pixels

__all__ = ["FULL", "INDEX", "is_ndtiff", "read_ndtiff", "unfinished"]

_LETTERS = {"time": "T", "channel": "C", "z": "Z"}
"""Axes of an image; any others tell images apart."""
_SLACK = 2**20
"""Bytes after the last frame that a closed file may have: files are begun with their full 4 GB, and cut when closed."""
_LOST = ("not carried over", "stage positions, camera settings, and other notes of Micro-Manager")


def read_ndtiff(path: Path, axes: str | None = None, image: Choice | None = None) -> Image:
    """One image of an NDTiff data set, axes of ``TCZYXS`` as it has them.

    Parameters
    ----------
    path
        The folder.
    axes
        Overrides the meaning of the dimensions.
    image
        Which one, where there are several: positions, tiles, or whatever other axes there are.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        Damaged, frames are missing, or several images and none chosen.
    """
    with reading(path, "NDTiff"):
        frames = read_index(path)
        sizes_of(path, frames)
        images = _images(frames)
        chosen = images[choose(path, "images", [_name(one) for one in images], image)]
        grid = _grid(path, chosen)
        summary = summary_of(path, frames[0].file)
        pixels = _pixels(path, grid)
        letters = "".join(_LETTERS[axis] for axis in grid.lengths) + "YXS"[: len(grid.frames[0].shape)]
        named = axes or letters
        check_axes(named, pixels.shape)
        facts = (("frames", f"{len(grid.frames)} of the {len(frames)} in the data set"), _LOST)
        return Image(
            pixels if stays_in_file(nbytes(pixels)) else np.asarray(pixels),
            named,
            {axis: size for axis, size in _scale(path, grid, summary).items() if axis in named},
            _increment(summary) if "T" in named else None,
            grid.channels if axes is None else (),
            "ndtiff",
            {FACTS_KEY: facts},
        )


def unfinished(path: Path) -> str:
    """Why a data set is not complete yet, as a sentence without full stop; empty where nothing says so.

    Raises
    ------
    UnreadableFileError
        The index cannot be read to its end.
    """
    frames = read_index(path)
    sizes = sizes_of(path, frames)
    for file, size in sizes.items():
        end = max(frame.end for frame in frames if frame.file == file)
        if size > end + _SLACK:
            return f"{file} is still open: it has {size} bytes, and its frames end at byte {end}"
    intended = summary_of(path, frames[0].file).get("IntendedDimensions")
    if isinstance(intended, dict):
        promised = math.prod(length for length in intended.values() if isinstance(length, int) and length > 0)
        if len(frames) < promised:
            return f"it has {len(frames)} of the {promised} frames that were intended"
    return ""


@dataclass(frozen=True)
class _Grid:
    """Frames that fill an array."""

    lengths: Mapping[str, int]
    """Of the axes before rows and columns, by their names here; those of length 1 are left out."""
    frames: tuple[Frame, ...]
    """The last axis fastest."""
    channels: tuple[str, ...]
    """Names, where the channels have any."""


def _images(frames: Sequence[Frame]) -> list[list[Frame]]:
    """The frames of each image: those that differ in nothing but time, channel and depth."""
    by_others: dict[tuple[tuple[str, int | str], ...], list[Frame]] = {}
    for frame in frames:
        others = tuple(sorted((axis, value) for axis, value in frame.axes.items() if axis not in _LETTERS))
        by_others.setdefault(others, []).append(frame)
    return list(by_others.values())


def _name(frames: Sequence[Frame]) -> str:
    others = {axis: value for axis, value in frames[0].axes.items() if axis not in _LETTERS}
    return " ".join(f"{axis} {value}" for axis, value in sorted(others.items()))


def _grid(path: Path, frames: Sequence[Frame]) -> _Grid:
    """The frames of one image in their order, if none is missing and all are alike.

    Raises
    ------
    UnreadableFileError
        With the first frame that is missing or another.
    """
    first = frames[0]
    odd = next((frame for frame in frames if (frame.shape, frame.kind) != (first.shape, first.kind)), None)
    if odd is not None:
        raise UnreadableFileError(
            path, f"its frame {dict(odd.axes)} has the shape {odd.shape} and the pixel type {odd.kind}, and its first "
            f"one {first.shape} and {first.kind}", "save frames of one kind as a data set of their own",
        )  # fmt: skip
    values = {axis: _ordered({frame.axes[axis]: None for frame in frames if axis in frame.axes}) for axis in _LETTERS}
    used = {axis: found for axis, found in values.items() if found}
    by_place = {tuple(frame.axes.get(axis) for axis in used): frame for frame in frames}
    places = list(itertools.product(*used.values()))
    missing = [place for place in places if place not in by_place]
    if missing:
        where = dict(zip(used, missing[0], strict=True))
        raise UnreadableFileError(
            path, f"{len(missing)} of its {len(places)} frames are missing, the first of them {where}",
            "wait until it is complete; if the acquisition was stopped or skips frames, save the complete part in "
            "Micro-Manager",
        )  # fmt: skip
    names = tuple(map(str, used.get("channel", ())))
    named = len(names) > 1 and all(isinstance(value, str) for value in used["channel"])
    return _Grid(
        {axis: len(found) for axis, found in used.items() if len(found) > 1},
        tuple(by_place[place] for place in places),
        names if named else (),
    )


def _ordered(values: Mapping[int | str, None]) -> list[int | str]:
    """Numbers by their size; names, as of channels, in the order of coming."""
    return sorted(values) if all(isinstance(value, int) for value in values) else list(values)


def _pixels(path: Path, grid: _Grid) -> LazyPixels:
    first, folder = grid.frames[0], folder_of(path)
    check_memory(path, first.nbytes)

    def read(number: int) -> Pixels:
        frame = grid.frames[number]
        count = math.prod(frame.shape)
        found = np.fromfile(folder / frame.file, frame.dtype, count, offset=frame.offset)
        if found.size < count:
            raise UnreadableFileError(path, f"{frame.file} became shorter after it was opened", "start again")
        return found.reshape(frame.shape).astype(frame.dtype.newbyteorder("="), copy=False)

    shape = (*grid.lengths.values(), *first.shape)
    return LazyPixels(path, shape, first.dtype.newbyteorder("="), len(first.shape), read, ahead=True)


def _scale(path: Path, grid: _Grid, summary: Mapping[str, Any]) -> dict[str, float]:
    """Micrometres per pixel, as far as they are said."""
    plane = _positive(metadata_of(path, grid.frames[0]).get("PixelSizeUm"))
    step = _positive(summary.get("z-step_um"))
    return ({"Y": plane, "X": plane} if plane else {}) | ({"Z": step} if step else {})


def _increment(summary: Mapping[str, Any]) -> float | None:
    """Seconds between time points, as planned."""
    said = _positive(summary.get("Interval_ms", summary.get("WaitInterval")))
    return said / 1e3 if said else None


def _positive(said: Any) -> float | None:
    number = isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said) and said > 0
    return float(said) if number else None
