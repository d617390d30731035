"""Olympus OIF and OIB: one image of time points, channels and depths; read only, with the library oiffile."""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.acquisition import Acquisition, as_image, library, reading, refuse_dimensions
from noise2detail.io.announced import check_announced
from noise2detail.io.channels import Channel
from noise2detail.io.compound import check_compound
from noise2detail.io.tiff_check import check_segments
from noise2detail.io.units import micrometres_per, seconds_per
from noise2detail.types import Pixels

_OIF, _OIB = "Olympus OIF", "Olympus OIB"
_SECTION = "[ProfileSaveInfo]"
_FOLDER = ".files"
_INFO = "OibInfo.txt"
_PLANE = re.compile(r"s_((?:[A-Z][0-9]{3,})*)\.tif", re.IGNORECASE)
_PLANES = "TCZ"
_MEANINGS = {"L": "wavelengths", "P": "positions of the stage", "A": "angles"}
_AXES = 8

_Settings = Mapping[str, Any]
_Key = tuple[tuple[str, int], ...]
"""Letter and number of a plane on each of its axes."""


def is_oif(head: bytes) -> bool:
    """Whether a file begins like the main file of an OIF."""
    wide = head.startswith(b"\xff\xfe[\0") and _SECTION.encode("utf-16-le") in head
    return wide or (head.startswith(b"[") and _SECTION.encode() in head)


def read_oif(path: Path, axes: str | None = None) -> Image:
    """The image of an OIF file, whose planes lie in the folder of the same name that ends in ``.files``.

    Parameters
    ----------
    path
        The main file.
    axes
        Overrides the meaning of the dimensions.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        Damaged, planes are missing, a dimension that no image has, or the library is not installed.
    """
    oiffile = library(path, _OIF, "oiffile", "oif")
    folder = path.with_name(path.name + _FOLDER)
    if not folder.is_dir():
        raise UnreadableFileError(
            path, f"the main file of an OIF without the folder {folder.name}", "bring both into one folder"
        )
    with reading(path, _OIF), oiffile.OifFileSystem(path) as system:
        planes = _named(str(name) for name in system.files())
        for name in planes.values():
            if (path.parent / name).resolve().parent != folder.resolve():
                raise UnreadableFileError(path, f"{name} leads out of its folder", "copy the files themselves")
        held = sum((path.parent / name).stat().st_size for name in planes.values())
        found = _acquisition(path, system.settings, system.open_file, planes, held)
    return as_image(found, axes)


def read_oib(path: Path, axes: str | None = None) -> Image:
    """The image of an OIB file, which is an OIF with all its files in one.

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
        As of :func:`read_oif`, or another compound file.
    """
    oiffile = library(path, f"compound file, perhaps {_OIB}", "oiffile", "oif")
    with reading(path, _OIB):
        check_compound(path)
        with oiffile.CompoundFile(path) as compound:
            inside = {str(name).rpartition("/")[2]: str(name) for name in compound.files()}
            if _INFO not in inside:
                raise UnreadableFileError(path, "a compound file, but none of Olympus", "export it as TIFF")
            info = oiffile.SettingsFile(compound.open_file(inside[_INFO]), _INFO)["OibSaveInfo"]
            streams = {str(name): inside[key] for key, name in info.items() if key.startswith("Stream")}
            main = str(info[info["MainFileName"]])
            settings = oiffile.SettingsFile(compound.open_file(streams[main]), main)
            planes = {key: streams[name] for key, name in _named(streams).items()}
            found = replace(_acquisition(path, settings, compound.open_file, planes, path.stat().st_size), format="oib")
    return as_image(found, axes)


def _named(names: Iterable[str]) -> dict[_Key, str]:
    """Files that hold planes, by the number of each on its axes."""
    found: dict[_Key, str] = {}
    for name in sorted(names):
        plane = _PLANE.fullmatch(re.split(r"[/\\]", name)[-1])
        if plane is not None:
            numbers = re.findall(r"([A-Z])([0-9]+)", plane[1].upper())
            key = tuple(sorted((axis, int(number)) for axis, number in numbers))
            if key in found:
                raise ValueError(f"the plane {plane[1]} is there twice")
            found[key] = name
    return found


def _acquisition(
    path: Path, settings: _Settings, open_file: Callable[[str], BinaryIO], planes: Mapping[_Key, str], held: int
) -> Acquisition:
    lengths = _lengths(settings)
    refuse_dimensions(path, lengths, _MEANINGS)
    if not {"X", "Y"} <= lengths.keys():
        raise UnreadableFileError(path, f"is no image: its dimensions are {''.join(lengths)}", "denoise images of x, y")
    sizes = [lengths.get(axis, 1) for axis in _PLANES]
    names = _in_order(path, planes, sizes)
    shape = (*sizes, lengths["Y"], lengths["X"])
    pixels: Pixels = np.empty(0)
    for place, name in names.items():
        with open_file(name) as stream:
            plane = _plane(path, stream, name, shape, held if not pixels.size else None)
        if not pixels.size:
            pixels = np.empty(shape, plane.dtype)
        if plane.dtype != pixels.dtype:
            raise ValueError(f"{name} holds pixels of type {plane.dtype}, the first plane {pixels.dtype}")
        pixels[place] = plane
    reference = settings.get("Reference Image Parameter", {})
    return Acquisition(
        "oif",
        pixels,
        _PLANES + "YX",
        _pixel_size(settings, reference, lengths),
        _step(_section(settings, "T"), lengths.get("T", 1), seconds_per),
        _channels(settings, lengths.get("C", 1)),
        (("significant bits", str(reference.get("ValidBitCounts", ""))),),
    )


def _section(settings: _Settings, axis: str) -> _Settings:
    """What is said of an axis."""
    sections = (settings.get(f"Axis {number} Parameters Common", {}) for number in range(_AXES))
    return next((section for section in sections if section.get("AxisCode") == axis), {})


def _lengths(settings: _Settings) -> dict[str, int]:
    """Length of each axis that was recorded, the fastest first."""
    order = str(settings["Axis Parameter Common"]["AxisOrder"])
    lengths = {axis: int(_section(settings, axis)["MaxSize"]) for axis in order}
    if len(lengths) != len(order) or any(length < 1 for length in lengths.values()):
        raise ValueError(f"its dimensions are {order}, of the lengths {tuple(lengths.values())}")
    return lengths


def _in_order(path: Path, planes: Mapping[_Key, str], sizes: list[int]) -> dict[tuple[int, ...], str]:
    """Names of the planes by their place in the array; channels may have any numbers, the others count from 1."""
    channels = sorted({dict(key).get("C", 1) for key in planes})
    found: dict[tuple[int, ...], str] = {
        (dict(key).get("T", 1) - 1, channels.index(dict(key).get("C", 1)), dict(key).get("Z", 1) - 1): name
        for key, name in planes.items()
        if {axis for axis, _ in key} <= set(_PLANES)
    }
    if math.prod(sizes) != len(planes) or any(place not in found for place in itertools.product(*map(range, sizes))):
        raise UnreadableFileError(
            path,
            f"{len(planes)} planes are there, and its header says {math.prod(sizes)}, or some are missing",
            "it is damaged, or the acquisition was stopped: save the complete part as a file of its own",
        )
    return found


def _plane(path: Path, stream: BinaryIO, name: str, shape: tuple[int, ...], held: int | None) -> Pixels:
    """Pixels of one plane; with ``held``, whether so many bytes of files can hold the whole is looked at first."""
    with tifffile.TiffFile(stream, name=name) as tif:
        page: Any = tif.pages[0]
        dtype = np.dtype(page.dtype)
        if len(tif.pages) != 1 or tuple(page.shape) != shape[-2:] or dtype.kind != "u":
            raise ValueError(f"{name} holds {dtype} {tuple(page.shape)}, expected one plane of {shape[-2:]}")
        if held is not None:
            packed = int(page.compression) != 1
            check_announced(path, math.prod(shape) * dtype.itemsize, held, compressed=packed)
        check_segments(path, tif.series[0])
        pixels = np.asarray(page.asarray())
    return pixels.astype(dtype.newbyteorder("="), copy=False)


def _pixel_size(settings: _Settings, reference: _Settings, lengths: Mapping[str, int]) -> dict[str, float]:
    found = {
        axis: _scaled(reference.get(f"{side}ConvertValue"), reference.get(f"{side}Unit"), micrometres_per)
        for axis, side in (("X", "Width"), ("Y", "Height"))
    }
    found["Z"] = _step(_section(settings, "Z"), lengths.get("Z", 1), micrometres_per)
    return {axis: size for axis, size in found.items() if size is not None}


def _step(section: _Settings, length: int, per: Any) -> float | None:
    """From one plane to the next: as planned, else from where the first and the last lie."""
    unit = section.get("UnitName") or section.get("PixUnit")
    planned = _scaled(section.get("Interval"), unit, per)
    if planned is not None or length < 2:
        return planned
    first, last = section.get("StartPosition"), section.get("EndPosition")
    if not isinstance(first, int | float) or not isinstance(last, int | float):
        return None
    return _scaled(abs(last - first) / (length - 1), unit, per)


def _scaled(value: Any, unit: Any, per: Any) -> float | None:
    """Micrometres or seconds; None where it is no number above 0, or of no unit."""
    factor = per(str(unit)) if unit else None
    known = isinstance(value, int | float) and math.isfinite(value) and value > 0
    return float(value) * float(factor) if known and factor is not None else None


def _channels(settings: _Settings, count: int) -> tuple[Channel, ...]:
    """Named by dye, else by detector."""
    channels = []
    for number in range(1, count + 1):
        said = settings.get(f"GUI Channel {number} Parameters") or settings.get(f"Channel {number} Parameters") or {}
        dye = str(said.get("DyeName", ""))
        name = dye if dye not in {"", "None"} else str(said.get("CH Name", ""))
        emission = said.get("EmissionWavelength")
        channels.append(
            Channel(name, None, float(emission) if isinstance(emission, int | float) and emission else None)
        )
    return tuple(channels) if any(channel != Channel("", None, None) for channel in channels) else ()
