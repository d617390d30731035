"""What OME-Zarr says about an image: axes, scale and channel names; versions 0.1 to 0.5 are read, 0.5 is made."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import AxesError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.extremes import Extremes
from noise2detail.io.units import micrometres_per, seconds_per
from noise2detail.io.zarr_nodes import DAMAGED, Node

VERSION = "0.5"
"""Of a store that is made from an image of another format."""

NOTE = "noise2detail"
"""Attribute that says what was done to the image."""

_OLDEST_AXES = "TCZYX"
_LATEST = (0, 5)
"""Of versions 0.1 and 0.2, which cannot say others."""
_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
_COLOURS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")


@dataclass(frozen=True, eq=False)
class Multiscale:
    """One image in several sizes, as a group describes it."""

    version: str
    """Of OME-Zarr, as the group says."""
    paths: tuple[str, ...]
    """Arrays below the group, largest first."""
    axes: tuple[Mapping[str, Any], ...] | None
    """Name, type and unit of each dimension; None where the version has none."""
    scale: tuple[float, ...]
    """Length of a pixel of the largest array along each dimension; empty where nothing is said."""


def ome(node: Node) -> Mapping[str, Any]:
    """What a group says about images: in format 3 this has a name of its own."""
    if node.zarr_format == 3:
        found = node.attributes.get("ome", node.attributes)
        return found if isinstance(found, Mapping) else {}
    return node.attributes


def multiscale(path: Path, node: Node) -> Multiscale:
    """The first image that a group describes.

    Raises
    ------
    UnreadableFileError
        Damaged, or of a version that is not known.
    """
    said = ome(node)
    first = _mapping(next(iter(_list(said.get("multiscales"))), None))
    datasets = [_mapping(dataset) for dataset in _list(first.get("datasets"))]
    paths = [dataset.get("path") for dataset in datasets]
    version = str(said.get("version") or first.get("version") or ("0.5" if node.zarr_format == 3 else "0.4"))
    if "coordinateSystems" in first or _is_later(version):
        raise UnreadableFileError(path, "follows an OME-Zarr later than 0.5", "export it as OME-Zarr 0.5 or 0.4")
    if not paths or not all(isinstance(one, str) for one in paths):
        raise UnreadableFileError(path, "its OME metadata name no arrays", DAMAGED)
    axes = first.get("axes")
    if axes is not None:
        named = [{"name": axis} if isinstance(axis, str) else _mapping(axis) for axis in _list(axes)]
        axes = tuple(axis if isinstance(axis.get("name"), str) else {"name": "?"} for axis in named)
    scales = [_scale(one, len(axes or _OLDEST_AXES)) for one in (datasets[0], first)]
    scale = tuple(map(math.prod, zip(*(one for one in scales if one), strict=True))) if scales[0] else ()
    return Multiscale(version, tuple(map(str, paths)), axes, scale)


def _is_later(version: str) -> bool:
    """Whether a version is one that this package cannot know; what is no number is left to the rest of the metadata."""
    found = re.match(r"([0-9]{1,9})\.([0-9]{1,9})", version)
    return found is not None and (int(found[1]), int(found[2])) > _LATEST


def letters(path: Path, found: Multiscale, rank: int) -> str:
    """Axes of the image as letters; empty where the store does not say them, or has others than these.

    Raises
    ------
    UnreadableFileError
        It names more or fewer axes than the array has.
    """
    if found.axes is None:
        return _OLDEST_AXES if rank == len(_OLDEST_AXES) else ""
    if len(found.axes) != rank:
        raise UnreadableFileError(path, f"names {len(found.axes)} axes, and its array has {rank}", DAMAGED)
    named = "".join(str(axis["name"]).upper() for axis in found.axes)
    if len(named) != rank or not set(named) <= set(_OLDEST_AXES):
        named = _by_type(found.axes)
    return named if len(named) == len(set(named)) == rank else ""


def unclear_axes(path: Path, found: Multiscale, rank: int) -> AxesError:
    """Why an image has no letters for its axes."""
    names = ", ".join(str(axis["name"]) for axis in found.axes or ())
    said = f"calls its axes {names}" if names else f"does not say what its {rank} axes are"
    return AxesError(f"{path}: the store {said}; name them with axes, one letter of TCZYX for each")


def physical(found: Multiscale, axes: str) -> tuple[dict[str, float], float | None]:
    """Micrometres per pixel and seconds between time points; what has no unit is unknown."""
    sizes: dict[str, float] = {}
    increment = None
    for letter, axis, length in zip(axes, found.axes or (), found.scale, strict=False):
        unit = str(axis.get("unit") or "")
        per = seconds_per(unit) if letter == "T" else micrometres_per(unit) if letter in "ZYX" else None
        if per is None or not 0 < length * per < math.inf:
            continue
        if letter == "T":
            increment = length * per
        else:
            sizes[letter] = length * per
    return sizes, increment


def labels(node: Node, channels: int) -> tuple[str, ...]:
    """Names of the channels; none where the store has others than one for each."""
    listed = _list(_mapping(ome(node).get("omero")).get("channels"))
    found = [_mapping(channel).get("label") for channel in listed]
    names = tuple("" if name is None else str(name) for name in found)
    return names if len(names) == channels and all(names) else ()


def fresh(image: Image, axes: str, name: str, shown: Extremes, shapes: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    """Attributes of a store of version 0.5.

    Parameters
    ----------
    image
        Gives scale and channel names.
    axes
        In the order of the pixels.
    name
        Of the image.
    shown
        What the channels reach from and to.
    shapes
        Of all arrays, largest first.
    """
    units = dict.fromkeys(image.pixel_size_um, "micrometer") | ({"T": "second"} if image.time_increment else {})
    sizes = dict(image.pixel_size_um) | ({"T": image.time_increment} if image.time_increment else {})
    unit = [float(sizes.get(letter) or 1.0) for letter in axes]
    said: dict[str, Any] = {
        "version": VERSION,
        "multiscales": [
            {
                "name": name,
                "axes": [
                    {"name": letter.lower(), "type": _TYPES[letter]}
                    | ({"unit": units[letter]} if letter in units else {})
                    for letter in axes
                ],
                "datasets": [
                    {"path": str(level), "coordinateTransformations": _placed(unit, shapes[0], shape)}
                    for level, shape in enumerate(shapes)
                ],
                "type": "mean",
            }
        ],
    }
    if image.channel_names:
        said["omero"] = _omero(image.channel_names, shown)
    return {"ome": said}


def _placed(unit: Sequence[float], whole: tuple[int, ...], shape: tuple[int, ...]) -> list[dict[str, Any]]:
    # Each block spans a power of two of pixels, also where the last one is smaller; its centre is not that of a pixel.
    factors = [2 ** math.ceil(math.log2(old / new)) for old, new in zip(whole, shape, strict=True)]
    steps: list[dict[str, Any]] = [
        {"type": "scale", "scale": [one * factor for one, factor in zip(unit, factors, strict=True)]}
    ]
    if shape != whole:
        moved = [one * (factor - 1) / 2 for one, factor in zip(unit, factors, strict=True)]
        steps.append({"type": "translation", "translation": moved})
    return steps


def _omero(names: Sequence[str], shown: Extremes) -> dict[str, Any]:
    channels = []
    for index, (name, colour) in enumerate(zip(names, itertools.cycle(_COLOURS), strict=False)):
        low, high = shown.of(index)
        limits = np.iinfo(shown.dtype) if shown.dtype.kind in "iu" else None
        span = {"min": float(limits.min), "max": float(limits.max)} if limits else {"min": low, "max": high}
        window = span | {"start": low, "end": high}
        channels.append({"label": name, "color": colour, "active": True, "window": window})
    return {"channels": channels, "rdefs": {"model": "color" if len(names) > 1 else "greyscale"}}


def _by_type(axes: Sequence[Mapping[str, Any]]) -> str:
    """Letters from types, for axes whose names are others; too few letters where that is impossible."""
    kinds = [axis.get("type") for axis in axes]
    spaces = iter("ZYX"[3 - kinds.count("space") :] if kinds.count("space") in {2, 3} else "")
    known = {"time": "T", "channel": "C"}
    return "".join(next(spaces, "") if kind == "space" else known.get(str(kind), "") for kind in kinds)


def _scale(holder: Mapping[str, Any], rank: int) -> tuple[float, ...]:
    steps = [_mapping(step) for step in _list(holder.get("coordinateTransformations"))]
    found = next((_list(step.get("scale")) for step in steps if step.get("type") == "scale"), [])
    usable = len(found) == rank and all(type(n) in {int, float} and 0 < n < 1e300 for n in found)
    return tuple(map(float, found)) if usable else ()


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []
