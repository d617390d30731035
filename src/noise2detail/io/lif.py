"""Leica LIF: images of time points, channels and depths; read only, by the library liffile."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.acquisition import (
    Acquisition,
    as_image,
    library,
    reading,
    refuse_dimensions,
)
from noise2detail.io.announced import check_announced
from noise2detail.io.channels import Channel
from noise2detail.io.several import Choice, choose

_KIND = "Leica LIF"
_EMISSION, _EXCITATION = "λ", "Λ"
_MEANINGS = {
    "M": "positions of the stage",
    "N": "XT slices",
    "A": "rotations",
    "Q": "T slices",
    "L": "loops",
    _EMISSION: "emission wavelengths",
    _EXCITATION: "excitation wavelengths",
}
_DIMENSIONS = {1: "X", 2: "Y", 3: "Z", 4: "T", 5: _EMISSION, 9: _EXCITATION}
_METRES = 1e6
_NANOMETRES = 1e9
_COLOURS = {
    "red": 0xFF0000,
    "green": 0x00FF00,
    "blue": 0x0000FF,
    "cyan": 0x00FFFF,
    "magenta": 0xFF00FF,
    "yellow": 0xFFFF00,
    "gray": 0xFFFFFF,
}


@dataclass(frozen=True)
class _Dimension:
    length: int
    first: float
    """Metres, or seconds for T."""
    step: float
    """The same."""


def is_lif(head: bytes) -> bool:
    """Whether a file begins like a LIF file; its first four bytes are also those of an MRC image of 112 columns."""
    return head[:4] == b"\x70\0\0\0" and head[8:9] == b"\x2a" and head[13:21] == "<LMS".encode("utf-16-le")


def read_lif(path: Path, axes: str | None = None, image: Choice | None = None) -> Image:
    """One image of a LIF file.

    A scan along x and z has its rows along z; what lies along y is then the depth. Wavelengths become channels.

    Parameters
    ----------
    path
        The file.
    axes
        Overrides the meaning of the dimensions.
    image
        Which one, where there are several.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        Damaged, truncated, several images and none chosen, a mosaic, or the library is not installed.
    """
    liffile = library(path, _KIND, "liffile", "lif")
    with reading(path, _KIND), liffile.LifFile(path) as file:
        images = list(file.images)
        number = choose(path, "images", [str(one.path) for one in images], image)
        if len(file.xml_element.findall(".//Data/Image")) > len(images):
            raise UnreadableFileError(
                path, "holds several images of the same name", "save one of them as a file of its own in LAS X"
            )
        acquisition = _acquisition(path, images[number])
    return as_image(acquisition, axes)


def _acquisition(path: Path, image: Any) -> Acquisition:
    if image.is_flim:
        raise UnreadableFileError(path, "holds lifetimes of fluorescence", "save its intensity image in LAS X")
    said = _dimensions(image)
    lengths = {str(letter): int(length) for letter, length in image.sizes.items()}
    if any(lengths.get(letter, 1) != dimension.length for letter, dimension in said.items()):
        raise ValueError(f"its dimensions {lengths} are not those of its header")
    spectra = [letter for letter in (_EMISSION, _EXCITATION) if letter in lengths]
    spectrum = spectra[0] if len(spectra) == 1 and "C" not in lengths else ""
    refuse_dimensions(path, {letter: length for letter, length in lengths.items() if letter != spectrum}, _MEANINGS)
    pixels = _pixels(path, image, tuple(lengths.values()))
    named = ["C" if letter == spectrum else letter for letter in lengths]
    letters = _upright(path, named)
    steps = {letter: said[old].step for letter, old in zip(letters, lengths, strict=True) if old in said}
    rows = "along z" + ("; its depth is along y" if "Z" in letters else "") if letters != named else ""
    return Acquisition(
        "lif",
        pixels,
        "".join(letters),
        {letter: steps[letter] * _METRES for letter in "XYZ" if letter in steps},
        steps.get("T"),
        _wavelengths(said[spectrum], emission=spectrum == _EMISSION) if spectrum else _channels(image, lengths),
        (("name", str(image.name)), ("rows", rows)),
    )


def _dimensions(image: Any) -> dict[str, _Dimension]:
    """What the header says of each dimension that has more than one element, by its letter."""
    found: dict[str, _Dimension] = {}
    for element in image.xml_element.iterfind("./Data/Image/ImageDescription/Dimensions/DimensionDescription"):
        said: Mapping[str, str] = element.attrib
        letter = _DIMENSIONS.get(int(said["DimID"]), "")
        length, span = int(said["NumberOfElements"]), float(said["Length"])
        if length < 1 or letter in found:
            raise ValueError(f"dimension {said['DimID']} is there twice, or is empty")
        if length == 1 or not letter:
            continue
        if said["Unit"] not in ("", "s" if letter == "T" else "m"):
            raise ValueError(f"dimension {letter} in the unit {said['Unit']!r}")
        known = said["Unit"] != ""
        found[letter] = _Dimension(length, float(said["Origin"]), span / (length - 1) if known else 0.0)
    return found


def _pixels(path: Path, image: Any, shape: tuple[int, ...]) -> Any:
    announced = math.prod(shape) * np.dtype(image.dtype).itemsize
    check_announced(path, announced, path.stat().st_size, compressed=False)
    kept = int(image.memory_block.size)
    # rows of colours may be stored longer than they are
    if kept != announced and (kept < announced or "S" not in image.sizes):
        raise ValueError(f"its pixels take {announced} bytes, and {kept} are stored")
    pixels = np.asarray(image.asarray())
    if pixels.shape != shape:
        raise ValueError(f"its pixels are {pixels.shape}, and its header says {shape}")
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _upright(path: Path, letters: Sequence[str]) -> list[str]:
    """The letters of the dimensions, where those that vary fastest are columns and rows."""
    plane = set([letter for letter in letters if letter in "XYZ"][-2:])
    if plane == {"X", "Y"}:
        return list(letters)
    if plane == {"X", "Z"}:
        turned = {"Z": "Y", "Y": "Z"}
        return [turned.get(letter, letter) for letter in letters]
    raise UnreadableFileError(path, f"is no image: its dimensions are {''.join(letters)}", "denoise images of x and y")


def _wavelengths(spectrum: _Dimension, *, emission: bool) -> tuple[Channel, ...]:
    centres = [round((spectrum.first + index * spectrum.step) * _NANOMETRES, 3) for index in range(spectrum.length)]
    return tuple(Channel(f"{centre:g} nm", None, centre if emission else None) for centre in centres)


def _channels(image: Any, lengths: Mapping[str, int]) -> tuple[Channel, ...]:
    """Named by the colour in which they are shown, as long as no two are the same."""
    count = lengths.get("C", 1)
    elements = image.xml_element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    if len(elements) != count or "S" in lengths:
        return ()
    said = sorted(elements, key=lambda element: int(element.attrib["BytesInc"]))
    names = [str(element.attrib["LUTName"]) for element in said]
    distinct = len(set(names)) == len(names)
    return tuple(Channel(name if distinct else "", _COLOURS.get(name.lower())) for name in names)
