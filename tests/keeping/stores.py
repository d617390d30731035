"""OME-Zarr of both versions; the library alone is zarr."""

from functools import partial
from pathlib import Path
from typing import Any

import zarr
from zarr.codecs import GzipCodec

from tests.keeping.tiffs import noise
from tests.keeping.trial import Facts, Trial, denoised

AXES = "tczyx"
KINDS = {"t": ("time", "second"), "c": ("channel", None), "z": ("space", "micrometer")}


def make(path: Path, version: str, compressed: bool = True) -> None:
    three = version == "0.5"
    pixels = noise((2, 2, 3, 16, 16))
    said: dict[str, Any] = {
        "multiscales": [{"name": "cells", "axes": _axes(), "datasets": [_dataset(level) for level in range(2)]}],
        "omero": {
            "channels": [
                {"label": name, "color": colour, "active": True, "window": {"min": 0, "max": 9, "start": 1, "end": 8}}
                for name, colour in (("DAPI", "0000FF"), ("GFP", "00FF00"))
            ]
        },
    }
    root: Any = zarr.open_group(path, mode="w", zarr_format=3 if three else 2)
    if three:
        root.attrs.update({"ome": {"version": version, **said}, "custom": {"kept": [1, None, "µ"]}})
    else:
        said["multiscales"][0]["version"] = version
        root.attrs.update({**said, "custom": {"kept": [1, None, "µ"]}})
    options: dict[str, Any] = {"chunks": (1, 1, 1, 8, 8)}
    if three:
        options |= {"shards": (1, 1, 3, 16, 16), "compressors": GzipCodec(level=3), "dimension_names": tuple(AXES)}
    else:
        options |= {"compressors": {"id": "gzip", "level": 3}, "chunk_key_encoding": {"name": "v2", "separator": "/"}}
    if not compressed:
        options["compressors"] = None
    for level in range(2):
        part = pixels[..., :: 2**level, :: 2**level]
        if level and three:
            options |= {"shards": (1, 1, 3, 8, 8)}
        array = root.create_array(str(level), shape=part.shape, dtype=part.dtype, **options)
        array[...] = part


def _axes() -> list[dict[str, str]]:
    kinds = [(axis, *KINDS.get(axis, KINDS["z"])) for axis in AXES]
    return [{"name": axis, "type": kind} | ({"unit": unit} if unit else {}) for axis, kind, unit in kinds]


def _dataset(level: int) -> dict[str, Any]:
    factor = 2**level
    moved = [0.0, 0.0, 0.0, (factor - 1) * 0.125, (factor - 1) * 0.0625]
    return {
        "path": str(level),
        "coordinateTransformations": [
            {"type": "scale", "scale": [2.5, 1.0, 0.5, 0.25 * factor, 0.125 * factor]},
            {"type": "translation", "translation": moved},
        ],
    }


def again(source: Path, target: Path) -> None:
    """What everybody writes first."""
    image: Any = zarr.open_array(source / "0", mode="r")
    library: Any = zarr
    library.save_array(target, denoised(image[...]))


def facts(path: Path) -> Facts:
    root: Any = zarr.open(path, mode="r")
    attributes = root.attrs.asdict()
    three = root.metadata.zarr_format == 3
    said = attributes.get("ome", {}) if three else attributes
    image = said.get("multiscales", [{}])[0]
    levels = [one["path"] for one in image.get("datasets", ())]
    array = root[levels[0]] if levels else root
    found = {
        "version": said.get("version") if three else image.get("version"),
        "axes, their kinds and units": image.get("axes"),
        "coordinateTransformations of every size": [one["coordinateTransformations"] for one in image["datasets"]]
        if levels else None,
        "name": image.get("name"),
        "omero: names, colours and windows of channels": said.get("omero"),
        "attributes of one's own": attributes.get("custom"),
        "smaller sizes (pyramid), made anew": [root[one].shape for one in levels] or None,
        "pixel type": str(array.dtype),
        "chunks": array.chunks,
        "compression": [str(one) for one in array.compressors],
    }  # fmt: skip
    more = {"shards": array.shards, "dimension_names": array.metadata.dimension_names} if three else {}
    return {**found, **more}


BARE = 'zarr: `save_array(result, denoised(open_array(source + "/0")[...]))`'
TRIALS = tuple(
    Trial(
        f"OME-Zarr {version}", "a.ome.zarr", "b.ome.zarr", BARE, "zarr",
        partial(make, version=version), again, facts,
    )
    for version in ("0.4", "0.5")
)  # fmt: skip
