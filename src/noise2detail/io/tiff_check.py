"""What a TIFF says about its pixels against what is there, before any of it is decoded."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.io.embedded import embedded_size
from noise2detail.io.tiff_directory import Directories

_DAMAGED = "it is truncated or damaged: copy or export it again"
_LARGEST_TILE = 2**24
_TEXTS = (270, 700)
"""Tags in which programs keep XML: the description, and XMP."""
_IMAGES = frozenset({6, 7, 33003, 33004, 33005, 33007, 34712, 34887, 34892, 34933, 34934, 22610, 50001, 50002, 52546})
"""Compressions whose strips and tiles are images with a size of their own: JPEG, JPEG 2000, LERC, PNG, JPEG XR, ..."""
_JPEG_XR = frozenset({34934, 22610})
_HEAD = 2**12


def refuse_doctype(path: Path, directories: Directories) -> None:
    """Raise where a text of the file declares XML entities: one that means thousands of others fills the memory.

    Raises
    ------
    UnreadableFileError
        No microscope writes such a text.
    """
    tags = (page.find(code) for page in directories.pages for code in _TEXTS)
    texts = {tag.data.replace(b"\0", b"") for tag in tags if tag is not None}  # in UTF-16 every other byte is zero
    if any(b"<!DOCTYPE" in text or b"<!ENTITY" in text for text in texts):
        raise UnreadableFileError(
            path, "its XML has a document type declaration, which no image needs", "export it again"
        )


def refuse_other_folders(path: Path, names: Sequence[str]) -> None:
    """Raise where a file of an OME-TIFF set lies anywhere but in the same folder.

    Raises
    ------
    UnreadableFileError
        A name that leads elsewhere would have us read any file of the machine.
    """
    for name in names:
        if not name or name in {".", ".."} or any(letter in name for letter in "/\\:\0"):
            raise UnreadableFileError(
                path,
                f"its OME-XML names a file outside its folder ({name[:80]!r})",
                "bring the files of the set into one folder, and convert them to a single OME-TIFF, for example with "
                "bfconvert",
            )


def check_segments(path: Path, series: Any) -> None:
    """Raise unless the strips or tiles of every page are there and of the size that the page needs.

    Raises
    ------
    UnreadableFileError
        With the page.
    """
    page = series.keyframe
    if not math.prod(series.shape):
        raise UnreadableFileError(path, f"its image has no pixels: {tuple(series.shape)}", _DAMAGED)
    # A tile may be larger than a small image, but decoding one of gigabytes would fill the memory.
    if page.is_tiled and math.prod(page.chunks) > max(_LARGEST_TILE, 4 * int(page.size)):
        raise UnreadableFileError(path, f"tiles of {page.chunks} for a page of {page.shape}", _DAMAGED)
    for index, one in enumerate(series.pages):
        if one is not None and one.dataoffsets:
            _check_page(path, one, index + 1, math.prod(page.chunked))


def _check_page(path: Path, page: Any, number: int, segments: int) -> None:
    size = page.parent.filehandle.size
    end = max(at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=False))
    if end > size:
        raise UnreadableFileError(
            path, f"the pixels of page {number} end at byte {end}, the file at byte {size}", _DAMAGED
        )
    # Tiles without content are a convention of their own, and mean that nothing was recorded there.
    held = sum(count > 0 for count in page.databytecounts[:segments])
    if held < segments and not (page.keyframe.is_tiled and len(page.databytecounts) >= segments):
        raise UnreadableFileError(path, f"page {number} has {held} of its {segments} strips or tiles", _DAMAGED)
    if int(page.keyframe.compression) not in _IMAGES:
        return
    limits = _limits(page.keyframe)
    for found in _sizes(page):
        if found is None and int(page.keyframe.compression) in _JPEG_XR:
            # its decoder says so on the screen, in as many lines as the damaged header has entries
            raise UnreadableFileError(path, f"page {number} holds a JPEG XR image without a size", _DAMAGED)
        if found is not None and (found[0] > limits[0] or found[1] > limits[1]):
            raise UnreadableFileError(
                path,
                f"page {number} holds a compressed image of {found[0]}x{found[1]} pixels where there is room for "
                f"{limits[0]}x{limits[1]}",
                _DAMAGED,
            )


def _limits(page: Any) -> tuple[int, int]:
    """Rows and columns of a strip or tile; JPEG works in blocks of 16, and some writers round up."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    rows = min(int(page.rowsperstrip), int(page.imagelength))
    return -(-rows // 16) * 16, -(-int(page.imagewidth) // 16) * 16


def _sizes(page: Any) -> Iterator[tuple[int, int] | None]:
    file = page.parent.filehandle
    for at, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        # the header of a JPEG may come after tables and a profile of any length
        sizes = (embedded_size(_read(file, at, length)) for length in sorted({min(count, _HEAD), count}))
        if count:
            yield next((size for size in sizes if size is not None), None)


def _read(file: Any, at: int, count: int) -> bytes:
    file.seek(at)
    return bytes(file.read(count))
