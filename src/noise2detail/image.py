"""An image as it travels through the house: pixels, what their axes mean, and metadata for its writer alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from noise2detail.errors import AxesError
from noise2detail.types import PixelSource

AXES = "TCZYXS"
"""Time, channel, depth, row, column, RGB sample."""


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels with axes, physical units and the metadata needed to write the same kind of file again."""

    array: PixelSource
    """Pixels; anything with ``shape``, ``dtype`` and numpy indexing. Those of large files are read when they are asked
    for; ``numpy.asarray`` has them all."""
    axes: str
    """One letter of ``TCZYXS`` per dimension of the array, in its order; ``Y`` and ``X`` are always there."""
    pixel_size_um: Mapping[str, float] = field(default_factory=dict)
    """Micrometres per pixel by axis letter (``X``, ``Y``, ``Z``); axes of unknown size are absent."""
    time_increment: float | None = None
    """Seconds between time points."""
    channel_names: tuple[str, ...] = ()
    """As many as the length of ``C``, or none."""
    format: str = "array"
    """What the pixels came from: ``array``, ``npy``, ``npz``, ``png``, ``jpeg``, ``bmp``, ``tiff``, ``ome-tiff``,
    ``imagej-tiff``, ``nifti``, ``mrc``, ``dicom``, ``ome-zarr``,
    ``czi``, ``nd2``, ``lif``, ``oif``, ``oib``, ``ndtiff``."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the reader found; opaque to everything but the writer of the same format."""
    no_data: PixelSource | None = None
    """True where nothing was measured, in the shape of the array: such pixels are left out of the work, and stay as
    they are. None: nowhere, beyond pixels that are NaN or infinite."""

    def __post_init__(self) -> None:
        check_axes(self.axes, self.array.shape)

    def in_memory(self) -> "Image":
        """The same with all of its pixels read, for work that needs them more than once."""
        return self if isinstance(self.array, np.ndarray) else replace(self, array=np.asarray(self.array))


def check_axes(axes: str, shape: tuple[int, ...]) -> None:
    """Raise unless ``axes`` describes an array of this shape.

    Raises
    ------
    AxesError
        Unknown, repeated or missing letters, or not one letter per dimension.
    """
    unknown = sorted(set(axes) - set(AXES))
    if unknown:
        raise AxesError(
            f"axes {axes!r} hold {', '.join(unknown)}; expected letters of {AXES}: T time, C channel, Z depth, Y row, "
            "X column, S RGB sample"
        )
    if len(set(axes)) != len(axes):
        raise AxesError(f"axes {axes!r} name a dimension twice; expected each letter once")
    if "Y" not in axes or "X" not in axes:
        raise AxesError(f"axes {axes!r} lack Y or X; every image has both")
    if len(axes) != len(shape):
        raise AxesError(
            f"axes {axes!r} name {len(axes)} dimensions, the array has {len(shape)}: {shape}; {_hint(shape)}"
        )


def likely_axes(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Axes strings that an array of this shape may well have, likeliest first."""
    colour = shape[-1:] in {(3,), (4,)}
    by_rank = {
        2: ("YX",),
        3: ("YXS", "ZYX", "TYX", "CYX") if colour else ("ZYX", "TYX", "CYX"),
        4: ("ZYXS", "TYXS", "TZYX") if colour else ("TZYX", "TCYX", "ZCYX", "CZYX"),
        5: ("TZCYX", "TCZYX"),
        6: ("TZCYXS",),
    }
    return by_rank.get(len(shape), ())


def _hint(shape: tuple[int, ...]) -> str:
    likely = likely_axes(shape)
    return f"likely: {', '.join(likely)}" if likely else f"an image has 2 to {len(AXES)} dimensions"
