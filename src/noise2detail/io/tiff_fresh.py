"""TIFF of an image from elsewhere: OME-TIFF, an ImageJ hyperstack, or plain with axes in its description."""

import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import imagej, ome_xml
from noise2detail.io.channels import ome_attributes
from noise2detail.io.lazy import LazyPixels, nbytes, planes_of
from noise2detail.io.tiff_write import CLASSIC_LIMIT
from noise2detail.types import PixelSource
from noise2detail.version import __version__

log = logging.getLogger(__name__)

_SOFTWARE = f"noise2detail {__version__}"


def write_ome(path: Path, name: str, image: Image, pixels: PixelSource, note: str) -> None:
    """Write an OME-TIFF with axes, scale and channel names; ``name`` is what it calls the image.

    Raises
    ------
    UnwritableFileError
        OME-TIFF has no such pixel type.
    """
    if str(pixels.dtype) not in ome_xml.OME_TYPES:
        raise UnwritableFileError(
            path, f"an OME-TIFF cannot hold {pixels.dtype}", "choose a name that ends in .tif or .npy"
        )
    axes = image.axes
    if "S" in axes and pixels.shape[axes.index("S")] == 1:
        pixels, axes = np.asarray(pixels).squeeze(axes.index("S")), axes.replace("S", "")  # has no place in OME-XML
    metadata: dict[str, Any] = {"axes": axes, "Name": name}
    for axis, size in image.pixel_size_um.items():
        metadata |= {f"PhysicalSize{axis}": float(size), f"PhysicalSize{axis}Unit": "µm"}
    if image.time_increment is not None:
        metadata |= {"TimeIncrement": float(image.time_increment), "TimeIncrementUnit": "s"}
    channel = ome_attributes(image)
    if channel:
        metadata["Channel"] = channel
    if note:
        metadata["Description"] = note
    big = nbytes(pixels) > CLASSIC_LIMIT
    with tifffile.TiffWriter(path, bigtiff=big, ome=True) as writer:
        writer.write(**_data(pixels, axes), metadata=metadata, software=_SOFTWARE)


def write_tif(path: Path, image: Image, pixels: PixelSource, note: str) -> None:
    """Write an ImageJ hyperstack where ImageJ can hold the image, else a plain TIFF that names its axes.

    Raises
    ------
    UnwritableFileError
        Colours of one bit.
    """
    if pixels.dtype == np.bool_ and "S" in image.axes:
        raise UnwritableFileError(path, "a TIFF cannot hold yes-or-no colours", "choose a name that ends in .npy")
    if _imagej_can(image, pixels):
        _write_imagej(path, image, pixels, note)
    else:
        _write_shaped(path, image, pixels, note)


def _imagej_can(image: Image, pixels: PixelSource) -> bool:
    shape = dict(zip(image.axes, pixels.shape, strict=True))
    in_order = [axis for axis in "TZCYXS" if axis in image.axes] == list(image.axes)
    colour = "S" not in shape or (shape["S"] == 3 and str(pixels.dtype) == "uint8")
    # An ImageJ TIFF does not say that there is an axis of length 1, and has no place for unequal scales of time.
    single = any(length == 1 for axis, length in shape.items() if axis not in "YX")
    scaled = {"X", "Y"} <= set(image.pixel_size_um) or not image.pixel_size_um
    fits = nbytes(pixels) <= CLASSIC_LIMIT
    return in_order and colour and not single and scaled and fits and str(pixels.dtype) in imagej.DTYPES


def _write_imagej(path: Path, image: Image, pixels: PixelSource, note: str) -> None:
    metadata: dict[str, Any] = {"axes": image.axes}
    settings: dict[str, Any] = {}
    if image.pixel_size_um:
        metadata["unit"] = "um"
        settings["resolution"] = (1 / image.pixel_size_um["X"], 1 / image.pixel_size_um["Y"])
        if "Z" in image.pixel_size_um:
            metadata["spacing"] = float(image.pixel_size_um["Z"])
    if image.time_increment is not None:
        metadata["finterval"] = float(image.time_increment)
    if image.channel_names:
        metadata["Labels"] = _labels(image, pixels.shape)
        metadata["mode"] = "composite"
    if note:
        metadata["Info"] = note
    with tifffile.TiffWriter(path, imagej=True) as writer:
        writer.write(
            **_data(pixels, image.axes),
            metadata=metadata,
            software=_SOFTWARE,
            **settings,
        )


def _labels(image: Image, shape: tuple[int, ...]) -> list[str]:
    lengths = [(axis, length) for axis, length in zip(image.axes, shape, strict=True) if axis in "TZC"]
    names = image.channel_names
    choices = [names if axis == "C" else range(length) for axis, length in lengths]
    channel = [axis for axis, _ in lengths].index("C")
    return [str(plane[channel]) for plane in itertools.product(*choices)]


def _write_shaped(path: Path, image: Image, pixels: PixelSource, note: str) -> None:
    metadata: dict[str, Any] = {"axes": image.axes}
    if image.pixel_size_um:
        metadata["pixel_size_um"] = {axis: float(size) for axis, size in image.pixel_size_um.items()}
    if image.time_increment is not None:
        metadata["time_increment"] = float(image.time_increment)
    if image.channel_names:
        metadata["channel_names"] = list(image.channel_names)
    if note:
        metadata["description"] = note
    settings: dict[str, Any] = {}
    if {"X", "Y"} <= set(image.pixel_size_um):
        per_cm = (1e4 / image.pixel_size_um["X"], 1e4 / image.pixel_size_um["Y"])
        settings = {"resolution": per_cm, "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, bigtiff=nbytes(pixels) > CLASSIC_LIMIT) as writer:
        writer.write(
            **_data(pixels, image.axes),
            metadata=metadata,
            software=_SOFTWARE,
            **settings,
        )


def _data(pixels: PixelSource, axes: str) -> dict[str, Any]:
    """The array, or the planes of pixels in a file, one after the other; and what a sample means."""
    # Said explicitly: left alone, the library guesses RGB from a length of 3 or 4, and takes a fourth sample for alpha.
    samples = pixels.shape[-1] if axes.endswith("S") else 1
    settings: dict[str, Any] = {"photometric": "minisblack"}
    if samples == 3:
        settings = {"photometric": "rgb", "planarconfig": "contig"}
    elif samples > 1:
        settings |= {"planarconfig": "contig", "extrasamples": [0] * (samples - 1)}
    if not isinstance(pixels, LazyPixels):
        return {"data": pixels, **settings}
    planes = planes_of(pixels, 2 + axes.endswith("S"))
    return {"data": planes, "shape": pixels.shape, "dtype": pixels.dtype, **settings}
