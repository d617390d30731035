"""What the readers of microscope vendors' files share: refusals, missing libraries, and the way to an image."""

import importlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noise2detail.errors import Noise2DetailError, UnreadableFileError
from noise2detail.image import Image, check_axes
from noise2detail.io.channels import CHANNELS_KEY, Channel
from noise2detail.io.describe import FACTS_KEY
from noise2detail.types import Pixels

DAMAGED = "it is truncated or damaged: copy or export it again"

_LOST = ("not carried over", "stage positions, laser and camera settings, and other notes of the microscope")


@dataclass(frozen=True)
class Acquisition:
    """One image of a microscope's file, its dimensions in any order."""

    format: str
    """As of :class:`Image`."""
    pixels: Pixels
    """All of them."""
    letters: str
    """One of ``TCZYXS`` for each dimension."""
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    """By axis letter; what is no length is left out."""
    time_increment: float | None = None
    """Seconds."""
    channels: tuple[Channel, ...] = ()
    """One for each channel, or none."""
    facts: tuple[tuple[str, str], ...] = ()
    """Further rows for people."""


def as_image(found: Acquisition, axes: str | None) -> Image:
    """An image without the dimensions of length 1, and with planes last.

    Parameters
    ----------
    found
        What lies in the file.
    axes
        Overrides the meaning of the dimensions that are left.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    """
    order = [axis for axis in found.letters if axis not in "YXS"] + [axis for axis in "YXS" if axis in found.letters]
    pixels = found.pixels.transpose([found.letters.index(axis) for axis in order])
    kept = [axis for axis, length in zip(order, pixels.shape, strict=True) if length > 1 or axis in "YX"]
    pixels = pixels.reshape([length for axis, length in zip(order, pixels.shape, strict=True) if axis in kept])
    named = axes or "".join(kept)
    check_axes(named, pixels.shape)
    lengths = dict(zip(named, pixels.shape, strict=True))
    names = tuple(channel.name for channel in found.channels)
    single = names[0] if len(names) == 1 else ""
    facts = [row for row in (("channel", single), *found.facts) if row[1]]
    return Image(
        pixels,
        named,
        {axis: size for axis, size in found.pixel_size_um.items() if axis in named and _positive(size)},
        found.time_increment if "T" in named and _positive(found.time_increment) else None,
        names if names and all(names) and len(names) == lengths.get("C") else (),
        found.format,
        {FACTS_KEY: (*facts, _LOST), CHANNELS_KEY: found.channels},
    )


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Let nothing out but our own errors, whatever a damaged file makes a parser do.

    Raises
    ------
    UnreadableFileError
        In place of any exception of a parser.
    """
    try:
        yield
    except Noise2DetailError:
        raise
    except Exception as error:
        said = str(error) or type(error).__name__
        raise UnreadableFileError(
            path, f"not {'an' if kind[0] in 'AEIO' else 'a'} {kind} file that can be read ({said[:200]})", DAMAGED
        ) from error


def library(path: Path, kind: str, name: str, extra: str) -> Any:
    """The library that reads files of a vendor.

    Raises
    ------
    UnreadableFileError
        It is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UnreadableFileError(
            path, f"a {kind} file, which needs the library {name}", f'pip install "noise2detail[{extra}]"'
        ) from error


def refuse_dimensions(path: Path, lengths: Mapping[str, int], meanings: Mapping[str, str]) -> None:
    """Raise where an image has a dimension that an image here cannot have.

    Parameters
    ----------
    path
        The file.
    lengths
        By the letter of the vendor.
    meanings
        What the letters stand for, in the plural.

    Raises
    ------
    UnreadableFileError
        With each such dimension, its length and meaning.
    """
    found = [
        f"{length} {meanings.get(letter, 'entries of unknown meaning')} ({letter})"
        for letter, length in lengths.items()
        if length > 1 and letter not in "TCZYXS"
    ]
    if found:
        raise UnreadableFileError(
            path,
            f"holds {' and '.join(found)}; an image has time, channels, depth, rows and columns",
            "stitch, fuse or split them first in the microscope's program",
        )


def even_step(times: Sequence[float]) -> float | None:
    """Mean time between neighbours of a growing sequence; None where it has fewer than two or does not grow.

    >>> even_step([1.0, 3.0, 5.2]), even_step([4.0])
    (2.1, None)
    """
    if len(times) < 2 or any(not later > earlier for earlier, later in itertools.pairwise(times)):
        return None
    return (times[-1] - times[0]) / (len(times) - 1)


def _positive(number: float | None) -> bool:
    return number is not None and math.isfinite(number) and number > 0
