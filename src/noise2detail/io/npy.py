"""NumPy's own file of one array, without pickled objects."""

from pathlib import Path

import numpy as np

from noise2detail.errors import AxesError, UnreadableFileError
from noise2detail.image import Image, check_axes, likely_axes
from noise2detail.io.announced import check_announced
from noise2detail.types import Pixels

NPY_KEY = "npy"
"""Key of the stored layout in the metadata of an image: byte order and whether columns come first."""


def read_npy(path: Path, axes: str | None = None) -> Image:
    """The array of the file, in memory.

    Parameters
    ----------
    path
        The file.
    axes
        Needed where the array has more than two dimensions.

    Raises
    ------
    AxesError
        ``axes`` is missing or does not fit.
    UnreadableFileError
        Not an array of numbers, or truncated.
    """
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise UnreadableFileError(
            path, f"not a whole NPY file of numbers ({error})", "save the array again with numpy.save, as numbers"
        ) from error
    if stored.dtype.kind not in "biufc":
        raise UnreadableFileError(
            path, f"holds {stored.dtype} values; expected numbers", "convert the array to integers or floats"
        )
    if stored.ndim < 2 or not stored.size:
        raise UnreadableFileError(
            path, f"holds an array of shape {stored.shape}; expected an image", "save at least rows and columns"
        )
    check_announced(path, stored.nbytes, path.stat().st_size, compressed=False)
    if axes is None and stored.ndim > 2:
        likely = ", ".join(likely_axes(stored.shape)) or "none"
        message = f"{path}: an NPY file of shape {stored.shape} does not say what its axes are; name them with axes"
        message += f" (likely: {likely})"
        raise AxesError(message)
    named = axes or "YX"
    check_axes(named, stored.shape)
    native = np.array(stored, dtype=stored.dtype.newbyteorder("="), order="C")
    layout = (str(stored.dtype.byteorder), bool(stored.flags.f_contiguous and not stored.flags.c_contiguous))
    return Image(array=native, axes=named, format="npy", metadata={NPY_KEY: layout})


def write_npy(path: Path, image: Image, pixels: Pixels) -> None:
    """Write ``pixels``, in the byte order and memory order that the image had."""
    byteorder, columns_first = image.metadata.get(NPY_KEY, ("=", False))
    stored = pixels.astype(pixels.dtype.newbyteorder(byteorder), order="F" if columns_first else "C", copy=False)
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, stored, allow_pickle=False)
