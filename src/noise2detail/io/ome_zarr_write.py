"""OME-Zarr written: like the store that the image came from where that fits, else version 0.5 on Zarr 3."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.extremes import Extremes
from noise2detail.io.lazy import transposed
from noise2detail.io.names import split_suffix
from noise2detail.io.ome_zarr import ZARR_KEY, ZarrTemplate
from noise2detail.io.ome_zarr_metadata import NOTE, fresh
from noise2detail.io.zarr_levels import write_levels
from noise2detail.io.zarr_nodes import Node, with_copies, write_node
from noise2detail.types import PixelSource

_AXES = "TCZYX"
"""The order that OME-Zarr prescribes."""
_TILE = 1024
_SMALL = 256
"""Rows and columns of the smallest size of an image are fewer."""


@dataclass(frozen=True, eq=False)
class ZarrStore:
    """Everything in a store but its pixels."""

    groups: Callable[[Extremes], Sequence[Node]]
    """Once it is known what the pixels reach from and to."""
    levels: Sequence[Node]
    """The arrays, largest first."""
    files: Mapping[str, bytes]
    """Other files by their path."""
    consolidated: frozenset[str] = frozenset()
    """Groups that hold copies of the metadata of everything below."""


def ome_zarr_pixels(target: Path, image: Image, pixels: PixelSource) -> PixelSource:
    """The pixels as they are; raises where a store cannot hold them."""
    if "S" in image.axes:
        raise UnwritableFileError(target, "OME-Zarr has no RGB samples", "choose a name that ends in .ome.tif")
    if pixels.dtype.kind not in "biuf" or pixels.dtype.itemsize > 8:
        raise UnwritableFileError(target, f"OME-Zarr holds no {pixels.dtype}", "convert the pixels to float32")
    return pixels


def write_ome_zarr(part: Path, target: Path, image: Image, source: PixelSource, note: str) -> None:
    """Fill the folder ``part``, which will be called ``target``."""
    template = _template(image)
    pixels, axes = source, image.axes
    if template is not None:
        store = like_template(template, pixels.dtype, note)
    else:
        axes = "".join(axis for axis in _AXES if axis in image.axes)
        pixels = transposed(source, [image.axes.index(axis) for axis in axes])
        store = _fresh(image, axes, split_suffix(target)[0], pixels, note)
    for path, content in store.files.items():
        (part / path).parent.mkdir(exist_ok=True)
        (part / path).write_bytes(content)
    seen = Extremes(pixels.dtype, axes.index("C") if "C" in axes else None)
    named = template is None and bool(image.channel_names)
    write_levels(part, store.levels, pixels, seen.note if named else None)
    for group in with_copies(store.groups(seen), store.levels, store.consolidated):
        write_node(part, group)


def ome_zarr_lost(image: Image) -> str:
    """What a new store cannot carry over of the one that the image came from."""
    found = image.metadata.get(ZARR_KEY)
    if not isinstance(found, ZarrTemplate):
        return ""
    if _template(image) is None:
        return "chunks, compression and attributes of the original OME-Zarr"
    stale = found.files if found.dtype != image.array.dtype else ()
    return ", ".join((*found.left, *(f"the file {path}" for path in stale)))


def _template(image: Image) -> ZarrTemplate | None:
    found = image.metadata.get(ZARR_KEY)
    if not isinstance(found, ZarrTemplate):
        return None
    same = found.axes == image.axes and found.shape == tuple(image.array.shape)
    scaled = found.pixel_size_um == dict(image.pixel_size_um) and found.time_increment == image.time_increment
    return found if same and scaled and found.channel_names == image.channel_names else None


def like_template(template: ZarrTemplate, dtype: np.dtype[Any], note: str) -> ZarrStore:
    """What a store holds that is described as another one, for pixels of any type.

    Parameters
    ----------
    template
        The other one.
    dtype
        Of the pixels.
    note
        Is added to what the image says was done to it; may be empty.
    """
    changed = dtype != template.dtype
    levels = [_retyped(level, dtype) if changed else level for level in template.levels]
    groups = [_noted(group, note) if group.path == template.image else group for group in template.groups]
    return ZarrStore(lambda _: groups, levels, {} if changed else template.files, template.consolidated)


def _noted(group: Node, note: str) -> Node:
    before = group.attributes.get(NOTE)
    lines = [line for line in (before, note) if isinstance(line, str) and line]
    return group.with_attributes({**group.attributes, NOTE: "\n".join(lines)}) if note else group


def _fresh(image: Image, axes: str, name: str, pixels: PixelSource, note: str) -> ZarrStore:
    shapes = [pixels.shape]
    while max(shapes[-1][-2:]) >= _SMALL:
        shapes.append((*shapes[-1][:-2], *(math.ceil(length / 2) for length in shapes[-1][-2:])))

    def groups(seen: Extremes) -> list[Node]:
        attributes = fresh(image, axes, name, seen, shapes)
        group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        return [_noted(Node("", {"zarr.json": group}), note)]

    levels = [Node(str(n), {"zarr.json": _array(axes, shape, pixels.dtype)}) for n, shape in enumerate(shapes)]
    return ZarrStore(groups, levels, {})


def _array(axes: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, Any]:
    chunk = [1] * (len(shape) - 2) + [min(length, _TILE) for length in shape[-2:]]
    order = {"endian": "little"} if dtype.itemsize > 1 else {}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": {"b": False, "f": 0.0}.get(dtype.kind, 0),
        "codecs": [
            {"name": "bytes", "configuration": order},
            # With a checksum, because a chunk that changed on a disk could not be told from a whole one without.
            {"name": "zstd", "configuration": {"level": 3, "checksum": True}},
        ],
        "attributes": {},
        "dimension_names": [axis.lower() for axis in axes],
    }


def _retyped(level: Node, dtype: np.dtype[Any]) -> Node:
    """The description of an array for pixels of another type, with the same chunks and compression."""
    document = dict(level.document)
    fill = document.get("fill_value")
    number = float(fill) if isinstance(fill, int | float) and dtype.kind == "f" else 0
    document["fill_value"] = False if dtype.kind == "b" else number
    if level.zarr_format == 2:
        order = document["dtype"][0].replace("|", "<") if dtype.itemsize > 1 else "|"
        document |= {"dtype": f"{order}{dtype.kind}{dtype.itemsize}", "filters": None}  # filters are made for a type
    else:
        document |= {"data_type": dtype.name, "codecs": [_codec(codec, dtype) for codec in document["codecs"]]}
    return level.with_document(document)


def _codec(codec: Any, dtype: np.dtype[Any]) -> Any:
    name = codec if isinstance(codec, str) else codec["name"]
    settings = {} if isinstance(codec, str) else dict(codec.get("configuration", {}))
    if name == "bytes":
        settings = {"endian": settings.get("endian", "little")} if dtype.itemsize > 1 else {}
    elif name == "blosc":
        settings["typesize"] = dtype.itemsize
    elif name == "sharding_indexed":
        settings["codecs"] = [_codec(inner, dtype) for inner in settings["codecs"]]
    else:
        return codec
    return {"name": name, "configuration": settings}
