"""What a file says it holds against what it can hold, before anything is allocated."""

from pathlib import Path

import psutil

from noise2detail.errors import UnreadableFileError

DENSEST = 2000
"""Bytes that one byte of a compressed file may become; deflate reaches 1032, noise never passes 10."""

_HARMLESS = 64 * 2**20


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
    available = int(psutil.virtual_memory().available)
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
