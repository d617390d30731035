"""What a file says it holds against what it can hold, before anything is allocated."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import psutil

from noise2detail.errors import UnreadableFileError

DENSEST = 2000
"""Bytes that one byte of a compressed file may become; deflate reaches 1032, noise never passes 10."""

_HARMLESS = 64 * 2**20
_SHARES = 3
"""Pieces that are in memory together: one that was read, what becomes of it, and the same as it is read again."""
_LIMIT: ContextVar[int | None] = ContextVar("limit", default=None)


@contextmanager
def within(limit: int | None) -> Iterator[None]:
    """Block that reads and writes files with so many bytes of memory; None: with what the machine has."""
    token = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def largest_piece() -> int | None:
    """Bytes of pixels that may be read at once where there is a limit; None: as many as are free."""
    limit = _LIMIT.get()
    return None if limit is None else limit // _SHARES


def check_announced(path: Path, announced: int, held: int, *, compressed: bool) -> None:
    """Raise where ``announced`` bytes of pixels cannot come from ``held`` bytes of file, or do not fit into memory.

    Raises
    ------
    UnreadableFileError
        The file cannot hold its image, or the machine cannot.
    """
    check_held(path, announced, held, compressed=compressed)
    check_memory(path, announced)


def check_held(path: Path, announced: int, held: int, *, compressed: bool) -> None:
    """Raise where ``announced`` bytes of pixels cannot come from ``held`` bytes of file.

    Raises
    ------
    UnreadableFileError
        The file cannot hold its image.
    """
    impossible = announced > _HARMLESS and announced > held * DENSEST if compressed else announced > held
    if impossible:
        raise UnreadableFileError(
            path,
            f"announces {readable(announced)} of pixels, but the file has {readable(held)}",
            "it is truncated or damaged: copy or export it again",
        )


def check_memory(path: Path, announced: int) -> None:
    """Raise where so many bytes of pixels do not fit into memory.

    Raises
    ------
    UnreadableFileError
        With both numbers.
    """
    most, available = largest_piece(), int(psutil.virtual_memory().available)
    if most is not None and announced > most:
        raise UnreadableFileError(
            path,
            f"{readable(announced)} of its pixels have to be in memory at once, and the limit leaves {readable(most)}",
            f"raise the limit to {readable(_SHARES * announced)} or more; only TIFF, NPY, OME-Zarr, DICOM series and "
            "uncompressed NIfTI go through piece by piece",
        )
    if announced > available:
        raise UnreadableFileError(
            path,
            f"its pixels take {readable(announced)}, and {readable(available)} of memory are free",
            "crop the image, split it, or use a machine with more memory",
        )


def readable(size: int) -> str:
    """A number of bytes as people write it.

    >>> readable(122), readable(40_000_000_000)
    ('122 bytes', '40.0 GB')
    """
    for unit, bytes_per in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_per:
            return f"{size / bytes_per:.1f} {unit}"
    return f"{size} bytes"
