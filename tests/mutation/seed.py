"""What a mutation has to know about a kind of file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Change = Callable[[bytes], bytes]


def _as_it_is(content: bytes) -> bytes:
    return content


def _no_marks(content: bytes) -> Sequence[int]:
    del content
    return ()


def no_text(content: bytes, change: Change) -> bytes:
    """Of files without text."""
    del change
    return content


def _never(place: Path) -> bool:
    del place
    return False


@dataclass(frozen=True)
class Seed:
    """A kind of file, and what a mutation should know about its inside."""

    suffix: str
    """Of its name."""
    make: Callable[[Path], object]
    """Writes it: a file, or a folder of files."""
    axes: str | None = None
    """Said by the user, where the file cannot."""
    marks: Callable[[bytes], Sequence[int]] = _no_marks
    """Bytes at which something begins or ends: fields, blocks, pixels."""
    open_up: Change = _as_it_is
    """The content without the wrapping whose checksum would notice every change."""
    close: Change = _as_it_is
    """The wrapping again, with the right checksum."""
    retext: Callable[[bytes, Change], bytes] = no_text
    """The content with its text changed, and everything that counts its length put right."""
    entry: str = ""
    """File to be opened, in a folder that is no image by itself."""
    only_pixels: Callable[[Path], bool] = _never
    """Whether a file of a folder, by its place in there, holds nothing that could change the shape."""


def pixels(*shape: int, dtype: str = "uint16") -> NDArray[Any]:
    """The same random pixels every time."""
    return np.random.default_rng(1).integers(0, 250, shape).astype(dtype)
