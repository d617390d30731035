"""NumPy's own file of one array, without pickled objects."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from noise2detail.errors import AxesError, UnreadableFileError
from noise2detail.image import Image, check_axes, likely_axes
from noise2detail.io.announced import check_held, check_memory
from noise2detail.io.lazy import file_planes, planes_of, stays_in_file
from noise2detail.types import Pixels, PixelSource

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
        with unwarned():
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        objects = ": it holds Python objects" if "Python objects" in str(error) else ""
        raise UnreadableFileError(
            path, f"not a whole NPY file of numbers{objects}", "save the array again with numpy.save, as numbers"
        ) from error
    check_array(path, stored.dtype, stored.shape)
    check_held(path, stored.nbytes, path.stat().st_size, compressed=False)
    return image_of_array(path, stored, axes, "npy")


@contextmanager
def unwarned() -> Iterator[None]:
    """Headers are expressions of Python, whose parser warns of some that it then refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Raise unless an array in a file may be an image.

    Raises
    ------
    UnreadableFileError
        Not numbers, or not at least rows and columns.
    """
    if dtype.kind not in "biufc":
        raise UnreadableFileError(
            path, f"holds {dtype} values; expected numbers", "convert the array to integers or floats"
        )
    if len(shape) < 2 or min(shape) < 1:
        raise UnreadableFileError(
            path, f"holds an array of shape {shape}; expected an image", "save at least rows and columns"
        )


def image_of_array(path: Path, stored: Pixels, axes: str | None, format_: Literal["npy", "npz"]) -> Image:
    """The image that an array of a file is, in memory unless it is large.

    Raises
    ------
    AxesError
        ``axes`` is missing or does not fit.
    """
    if axes is None and stored.ndim > 2:
        likely = ", ".join(likely_axes(stored.shape)) or "none"
        message = f"{path}: an {format_.upper()} file of shape {stored.shape} does not say what its axes are; "
        message += f"name them with axes (likely: {likely})"
        raise AxesError(message)
    named = axes or "YX"
    check_axes(named, stored.shape)
    layout = (str(stored.dtype.byteorder), bool(stored.flags.f_contiguous and not stored.flags.c_contiguous))
    return Image(array=_pixels(path, stored), axes=named, format=format_, metadata={NPY_KEY: layout})


def laid_out(image: Image, pixels: Pixels) -> Pixels:
    """The pixels in the byte order and memory order that the array of the image's file had."""
    byteorder, columns_first = image.metadata.get(NPY_KEY, ("=", False))
    return pixels.astype(pixels.dtype.newbyteorder(byteorder), order="F" if columns_first else "C", copy=False)


def _pixels(path: Path, stored: Pixels) -> PixelSource:
    """Pixels in the byte order of the machine; those of a large file stay there."""
    if isinstance(stored, np.memmap) and stays_in_file(stored.nbytes) and stored.flags.c_contiguous:
        return file_planes(path, stored.dtype, int(stored.offset), stored.shape, 2)
    check_memory(path, stored.nbytes)
    return np.array(stored, dtype=stored.dtype.newbyteorder("="), order="C")


def write_npy(path: Path, image: Image, pixels: PixelSource) -> None:
    """Write ``pixels``, in the byte order and memory order that the image had."""
    byteorder, columns_first = image.metadata.get(NPY_KEY, ("=", False))
    dtype = pixels.dtype.newbyteorder(byteorder)
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": columns_first, "shape": pixels.shape}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        if columns_first:
            stream.write(np.asarray(pixels).astype(dtype, copy=False).tobytes("F"))
            return
        for plane in planes_of(pixels, 2):
            stream.write(np.ascontiguousarray(plane, dtype).data)
