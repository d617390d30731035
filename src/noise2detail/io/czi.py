"""Zeiss CZI: one image of time points, channels and depths; read only."""

import logging
import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.acquisition import (
    DAMAGED,
    Acquisition,
    as_image,
    even_step,
    reading,
    refuse_dimensions,
    refuse_several,
)
from noise2detail.io.announced import check_announced
from noise2detail.io.channels import Channel
from noise2detail.io.czi_pixels import COMPRESSIONS, PIXEL_TYPES, PixelType, decoded
from noise2detail.io.czi_segments import (
    Block,
    Header,
    read_block,
    read_directory,
    read_header,
    read_metadata,
    read_timestamps,
)
from noise2detail.types import Pixels

log = logging.getLogger(__name__)

_MEANINGS = {
    "M": "tiles of a mosaic",
    "V": "views",
    "I": "illuminations",
    "H": "phases",
    "R": "rotations",
    "B": "blocks of acquisition",
}
_PLANES = "TCZ"
_METRES = 1e6

_Found = Sequence[tuple[Block, int]]


def read_czi(path: Path, axes: str | None = None) -> Image:
    """The image of a CZI file; blocks of its overviews are left out.

    Parameters
    ----------
    path
        The file.
    axes
        Overrides the meaning of the dimensions.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        Damaged, truncated, several scenes, a mosaic, or pixels of a kind that is not known.
    """
    with reading(path, "Zeiss CZI"), path.open("rb") as stream:
        header = read_header(stream)
        if header.part:
            raise UnreadableFileError(path, "one part of a set of CZI files", "save the set as one file in ZEN")
        root = _document(read_metadata(stream, header.metadata))
        everything = read_directory(stream, header.directory)
        found = _one_image(path, everything, root)
        acquisition = _acquisition(path, stream, header, found, root)
    return as_image(acquisition, axes)


def _one_image(path: Path, everything: _Found, root: ET.Element) -> _Found:
    """Blocks of full resolution, where they make a single image."""
    found = [(block, at) for block, at in everything if block.stored == block.lengths]
    if not found:
        raise UnreadableFileError(path, "no image found in it", DAMAGED)
    scenes = sorted({block.starts.get("S", 0) for block, _ in found})
    names = {scene.get("Index"): scene.get("Name", "") for scene in root.iterfind(".//Dimensions/S/Scenes/Scene")}
    refuse_several(path, "scenes", [names.get(str(scene), "") for scene in scenes])
    letters = sorted({letter for block, _ in found for letter in block.starts} - set("XYS"))
    lengths = {
        letter: len({block.starts.get(letter, 0) for block, _ in found})
        * max(block.lengths.get(letter, 1) for block, _ in found)
        for letter in letters
    }
    refuse_dimensions(path, {letter: lengths[letter] for letter in letters if letter not in _PLANES}, _MEANINGS)
    return found


def _acquisition(path: Path, stream: BinaryIO, header: Header, found: _Found, root: ET.Element) -> Acquisition:
    first = found[0][0]
    kind = _kind(path, first)
    axes = {letter: sorted({block.starts.get(letter, 0) for block, _ in found}) for letter in _PLANES}
    _check_uniform(path, found, axes)
    colours = (kind.samples,) if kind.samples > 1 else ()
    plane = (first.lengths["Y"], first.lengths["X"], *colours)
    shape = (*(len(starts) for starts in axes.values()), *plane)
    announced = math.prod(shape) * kind.dtype.itemsize
    check_announced(path, announced, path.stat().st_size, compressed=first.compression != 0)
    pixels: Pixels = np.empty(shape, kind.dtype.newbyteorder("="))
    for block, at in found:
        place = tuple(axes[letter].index(block.starts.get(letter, 0)) for letter in _PLANES)
        pixels[place] = decoded(read_block(stream, block, at), block.compression, plane, kind)
    if first.compression == 1:
        log.warning("%s: its pixels are JPEG, whose compression has changed the noise", path)
    return Acquisition(
        "czi",
        pixels,
        _PLANES + "YX" + ("S" if colours else ""),
        _pixel_size(root),
        _increment(root, read_timestamps(stream, header.attachments), len(axes["T"])),
        _channels(root, axes["C"]),
        (("stored as", kind.name), ("compression", COMPRESSIONS[first.compression])),
    )


def _kind(path: Path, block: Block) -> PixelType:
    kind = PIXEL_TYPES.get(block.pixel_type)
    if kind is None or block.compression not in COMPRESSIONS:
        what = "pixels of type" if kind is None else "a compression of"
        code = block.pixel_type if kind is None else block.compression
        raise UnreadableFileError(path, f"{what} code {code}, which is not known", "save it as OME-TIFF in ZEN")
    return kind


def _check_uniform(path: Path, found: _Found, axes: Mapping[str, Sequence[int]]) -> None:
    """Raise unless every plane is there once, and all lie at the same place and are of one kind."""
    first = found[0][0]
    for block, _ in found:
        if (block.pixel_type, block.compression) != (first.pixel_type, first.compression):
            raise UnreadableFileError(path, "its channels differ in pixel type or compression", "split its channels")
        frame = [(block.starts[axis], block.lengths[axis]) for axis in "YX"]
        if frame != [(first.starts[axis], first.lengths[axis]) for axis in "YX"]:
            raise UnreadableFileError(
                path, "its planes differ in size or place", "save one region as a file of its own in ZEN"
            )
        if any(block.lengths.get(axis, 1) != 1 for axis in _PLANES):
            raise UnreadableFileError(path, "a block holds more than one plane", "save it again in ZEN")
    planes = {tuple(block.starts.get(axis, 0) for axis in _PLANES) for block, _ in found}
    wanted = math.prod(len(starts) for starts in axes.values())
    gaps = any(starts[-1] - starts[0] != len(starts) - 1 for starts in axes.values())
    if len(planes) != len(found) or len(planes) != wanted or gaps:
        raise UnreadableFileError(
            path,
            f"{len(found)} planes of {wanted} are there, or some are missing or twice there",
            "it is damaged, or the acquisition was stopped: save the complete part as a file of its own in ZEN",
        )


def _document(xml: bytes) -> ET.Element:
    if not xml:
        return ET.Element("ImageDocument")
    plain = xml.replace(b"\0", b"")  # as it would be in UTF-16
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise ValueError("metadata with a document type declaration")
    return ET.fromstring(xml.rstrip(b"\0"))  # noqa: S314 - without declarations there are no entities to expand


def _pixel_size(root: ET.Element) -> dict[str, float]:
    sizes = {}
    for distance in root.iterfind("./Metadata/Scaling/Items/Distance"):
        value = distance.findtext("Value", "")
        if distance.get("Id") in {"X", "Y", "Z"} and value:
            sizes[distance.get("Id", "")] = float(value) * _METRES
    return sizes


def _increment(root: ET.Element, stamps: Sequence[float], times: int) -> float | None:
    """Seconds between time points: as planned where they are said to be even, else as measured."""
    where = "./Metadata/Information/Image/Dimensions/T/Positions"
    interval = root.findtext(f"{where}/Interval/Increment")
    if interval is not None and float(interval) > 0:
        return float(interval)
    if len(stamps) == times:
        return even_step(stamps)
    offsets = [float(offset) for offset in root.findtext(f"{where}/List/Offsets", "").split()]
    return even_step(offsets) if len(offsets) == times else None


def _channels(root: ET.Element, indices: Sequence[int]) -> tuple[Channel, ...]:
    """What is said of the channels that are there: by the image first, and then by how it is shown."""
    said = root.findall("./Metadata/Information/Image/Dimensions/Channels/Channel")
    shown = root.findall("./Metadata/DisplaySetting/Channels/Channel")
    channels = []
    for index in indices:
        own = [elements[index] for elements in (said, shown) if 0 <= index < len(elements)]
        if not own:
            return ()
        name = next((name for element in own if (name := element.get("Name", ""))), "")
        colour = next((text for element in own if (text := element.findtext("Color", ""))), "")
        emission = next((text for element in own if (text := element.findtext("EmissionWavelength", ""))), "")
        channels.append(Channel(name, _rgb(colour), float(emission) if emission else None))
    return tuple(channels)


def _rgb(text: str) -> int | None:
    """Colour of ``#AARRGGBB`` or ``#RRGGBB``."""
    return int(text[-6:], 16) if text.startswith("#") and len(text) in (7, 9) else None
