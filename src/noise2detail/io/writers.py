"""Every format that can be written: one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from noise2detail.image import Image
from noise2detail.io.bmp import BMP_KEY, bmp_lost, bmp_pixels, write_bmp
from noise2detail.io.dicom_write import dicom_lost, dicom_pixels, write_dicom
from noise2detail.io.mrc_write import mrc_pixels, mrc_template, said_by_mrc, write_mrc
from noise2detail.io.names import OutputFormat
from noise2detail.io.nifti_write import nifti_pixels, nifti_template, said_by_nifti, write_nifti
from noise2detail.io.npy import write_npy
from noise2detail.io.npz import write_npz
from noise2detail.io.ome_zarr_write import ome_zarr_lost, ome_zarr_pixels, write_ome_zarr
from noise2detail.io.placement import placement_of
from noise2detail.io.png import PNG_KEY, check_png, png_lost, write_png
from noise2detail.io.template import TIFF_KEY
from noise2detail.io.tiff_output import fits, tiff_pixels, write_tiff
from noise2detail.types import Pixels, PixelSource

Write = Callable[[Path, Path, Image, PixelSource, str], None]
"""The file to fill, the name it will have, the image, its pixels, and a line on what was done to it."""


def _as_they_are(target: Path, image: Image, pixels: PixelSource) -> PixelSource:
    del target, image
    return pixels


def _nothing(image: Image) -> str:
    del image
    return ""


def _itself(image: Image) -> Image:
    return image


def _untold(image: Image) -> str | None:
    del image
    return None


def in_memory(write: Callable[[Path, Path, Image, Pixels, str], None]) -> Write:
    """A writer of arrays, for pixels that may still be in a file."""

    def whole(part: Path, target: Path, image: Image, pixels: PixelSource, note: str) -> None:
        write(part, target, image, np.asarray(pixels), note)

    return whole


@dataclass(frozen=True)
class Writer:
    """How images become files of one format."""

    write: Write
    prepare: Callable[[Path, Image, PixelSource], PixelSource] = _as_they_are
    """The pixels as the format can hold them; raises where it cannot, before anything is computed."""
    lost: Callable[[Image], str] = _nothing
    """What the format cannot carry over of the file that the image came from, in words; empty: nothing."""
    has_scale: bool = True
    """Whether the format says how large a pixel is."""
    has_axes: bool = True
    """Whether the format says what its dimensions are."""
    narrows: bool = False
    """Whether the pixel type that is read is the smallest that holds the values, so that a change of it is no loss."""
    streams: bool = False
    """Whether pixels may stay in another file until each is written."""
    said: Callable[[Image], Image] = _itself
    """The image as its file describes it, where the format has no place for some of the scale or the names."""
    told_axes: Callable[[Image], str | None] = _untold
    """What only the user knew about the axes when the original was opened; None: the file says it."""


def _png(part: Path, target: Path, image: Image, pixels: PixelSource, note: str) -> None:
    del target
    write_png(part, image, np.asarray(pixels), note)


def _png_pixels(target: Path, image: Image, pixels: PixelSource) -> PixelSource:
    check_png(target, image.axes, pixels)
    return pixels


def _npy(part: Path, target: Path, image: Image, pixels: PixelSource, note: str) -> None:
    del target, note
    write_npy(part, image, pixels)


class _Described(Protocol):
    """What the file of an image said about its axes."""

    @property
    def axes(self) -> str:
        """Of the array that was handed out."""

    @property
    def own_axes(self) -> str:
        """What the file says by itself."""


_BARE = frozenset({"array", "npy", "npz"})
"""Formats of images that are nothing but an array."""


def left_behind(image: Image, target: OutputFormat) -> tuple[str, ...]:
    """What a file of another format cannot say of an image, in words; empty where it says everything."""
    writer = WRITERS[target]
    scale = {"pixel size": image.pixel_size_um, "time between frames": image.time_increment}
    scaled = [name for name, known in scale.items() if known]
    named = image.channel_names and not writer.has_scale
    # An array in memory and a bare one in a file never said what their axes are.
    stacked = len(image.axes) > 2 and not writer.has_axes and image.format not in _BARE
    parts = [
        writer.lost(image),
        "" if writer.has_scale else " and ".join(scaled),
        "channel names" if named else "",
        f"that its axes are {image.axes}" if stacked else "",
    ]
    return tuple(part for part in parts if part)


def _lost_outside(image: Image, *, key: str) -> str:
    """Nothing, where the format gets back its own template under ``key``."""
    return "" if key in image.metadata else lost_header(image)


def _tiff_lost(image: Image, *, ome: bool) -> str:
    return "" if fits(image, ome=ome) else lost_header(image)


def lost_header(image: Image) -> str:
    """What another format cannot carry over of the file that an image came from."""
    if TIFF_KEY in image.metadata:
        return "tags, lookup tables and notes of the original TIFF"
    if image.format == "ome-zarr":
        return "chunks, smaller sizes and attributes of the OME-Zarr"
    if told := png_lost(image) or bmp_lost(image):
        return told
    name = {"nifti": "NIfTI", "mrc": "MRC", "dicom": "DICOM"}.get(image.format)
    where = placement_of(image)
    tilt = f", the shift of slices by a tilt of {where.tilt:.1f} degrees" if where is not None and where.tilt else ""
    return "" if name is None else f"position, orientation{tilt} and other fields of the {name} header"


def _zarr_lost(image: Image) -> str:
    return ome_zarr_lost(image) if image.format == "ome-zarr" else lost_header(image)


def _volume(
    write: Write,
    prepare: Callable[[Path, Image, PixelSource], PixelSource],
    said: Callable[[Image], Image],
    template_of: Callable[[Image], _Described | None],
    *,
    places: bool = False,
    streams: bool = False,
) -> Writer:
    """A format of volumes with headers that say little; ``places``: one that says where a volume lies."""

    def lost(image: Image) -> str:
        kept = said(image)
        header = lost_header(image) if template_of(image) is None else ""
        beyond = "fields of the DICOM header beyond position and orientation"
        parts = [beyond if header and places and placement_of(image) else header]
        parts += ["channel names"] if image.channel_names != kept.channel_names else []
        parts += ["time increment"] if image.time_increment != kept.time_increment else []
        return ", ".join(filter(None, parts))

    def told_axes(image: Image) -> str | None:
        template = template_of(image)
        return None if template is None or template.axes == template.own_axes else template.axes

    return Writer(write, prepare, lost, said=said, told_axes=told_axes, streams=streams)


def _tiff(*, ome: bool) -> Writer:
    return Writer(
        partial(write_tiff, ome=ome), partial(tiff_pixels, ome=ome), partial(_tiff_lost, ome=ome), streams=True
    )


def _dicom(*, series: bool) -> Writer:
    write, pixels = partial(write_dicom, series=series), partial(dicom_pixels, series=series)
    return Writer(write, pixels, dicom_lost, narrows=True, streams=series)


WRITERS: Mapping[OutputFormat, Writer] = {
    "ome": _tiff(ome=True),
    "tif": _tiff(ome=False),
    "png": Writer(_png, _png_pixels, partial(_lost_outside, key=PNG_KEY), has_scale=False),
    "bmp": Writer(in_memory(write_bmp), bmp_pixels, partial(_lost_outside, key=BMP_KEY), has_scale=False),
    "npy": Writer(_npy, lost=lost_header, has_scale=False, has_axes=False, streams=True),
    "zarr": Writer(write_ome_zarr, ome_zarr_pixels, _zarr_lost, streams=True),
    "dicom": _dicom(series=False),
    "dicom-series": _dicom(series=True),
    "npz": Writer(in_memory(write_npz), lost=lost_header, has_scale=False, has_axes=False),
    "nifti": _volume(write_nifti, nifti_pixels, said_by_nifti, nifti_template, places=True, streams=True),
    "mrc": _volume(write_mrc, mrc_pixels, said_by_mrc, mrc_template),
}
