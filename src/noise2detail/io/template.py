"""What a TIFF was like, so that the same kind of file can be written again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from noise2detail.io.tiff_directory import ByteOrder, Directory
from noise2detail.types import Pixels

TIFF_KEY = "tiff"
"""Key of the template in the metadata of an image."""

TiffKind = Literal["plain", "shaped", "imagej", "ome"]


@dataclass(frozen=True, eq=False)
class TiffTemplate:
    """How a file stored its pixels, and every other tag of its pages."""

    kind: TiffKind
    """Whose conventions the description follows."""
    axes: str
    """Of the array that was handed out, as the file itself says."""
    shape: tuple[int, ...]
    """Of the array that was handed out."""
    pixel_size_um: Mapping[str, float]
    """As the file says."""
    time_increment: float | None
    """As the file says."""
    channel_names: tuple[str, ...]
    """As the file says."""
    byteorder: ByteOrder
    """Of the file."""
    big: bool
    """BigTIFF."""
    photometric: int
    """Code of the meaning of a sample."""
    planarconfig: int | None
    """1 interleaved, 2 one plane for each sample, None where there is one sample."""
    extrasamples: tuple[int, ...]
    """Codes of the samples beyond the colours."""
    compression: int
    """Code of the compression."""
    predictor: int
    """Code of the differencing before the compression; 1 is none."""
    tile: tuple[int, ...]
    """Height and width of a tile; empty where the file has strips."""
    rowsperstrip: int | None
    """Rows of a strip; None where the file has tiles."""
    pages: tuple[Directory, ...]
    """One for each plane, in the order of the array."""
    alpha: Pixels | None = None
    """Transparency that was set aside, with the sample axis where the file has it."""
    dropped: tuple[str, ...] = ()
    """What the file also holds and no writer puts back, in words."""
