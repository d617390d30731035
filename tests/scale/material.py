"""Small stores, a method of next to no training, and what is compared of the results."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from noise2detail.pipeline.run import Run
from noise2detail.scale.beginning import begin
from noise2detail.scale.plan import ScalePlan
from noise2detail.scale.preparing import Asked
from noise2detail.types import Pixels
from tests.material import noisy_array, quick

TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
MOST = 64 * 64
"""Pixels of a unit, so that small stores have several."""

RUN = Run(device="cpu", precision="float32", channels="each", threads=1)


def series(*shape: int, seed: int = 0, dtype: Any = np.uint16) -> NDArray[Any]:
    """Smooth waves with noise, in the range of a camera."""
    found: NDArray[Any] = (1000 + 800 * noisy_array(*shape, seed=seed)).clip(1, 60000).astype(dtype)
    return found


def write_store(
    path: Path,
    pixels: Pixels,
    axes: str = "zyx",
    *,
    zarr_format: int = 3,
    levels: int = 2,
    **storage: Any,
) -> Path:
    """An OME-Zarr 0.5, or 0.4 on Zarr 2, whose sizes halve rows and columns."""
    group: Any = zarr.open_group(path, mode="w", zarr_format=3 if zarr_format == 3 else 2)
    storage.setdefault("chunks", (*(1,) * (pixels.ndim - 2), 32, 32))
    datasets, level = [], pixels
    for number in range(levels):
        names = {"dimension_names": list(axes)} if zarr_format == 3 else {}
        own = {
            name: tuple(min(n, max(1, length)) for n, length in zip(value, level.shape, strict=True))
            if name == "chunks" and "shards" not in storage
            else value
            for name, value in storage.items()
        }
        array = group.create_array(str(number), shape=level.shape, dtype=level.dtype, **own, **names)
        array[...] = level
        scale = [1.0] * (pixels.ndim - 2) + [0.5 * 2**number] * 2
        datasets.append({"path": str(number), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
        level = level[..., ::2, ::2]
    described = [{"name": name, "type": TYPES[name]} for name in axes]
    if "c" in axes:
        window = {"min": 0, "max": 65535, "start": 0, "end": 4000}
        count = pixels.shape[axes.index("c")]
        names_of = [{"label": f"dye {n}", "color": "FFFFFF", "window": window} for n in range(count)]
        omero = {"omero": {"channels": names_of}}
    else:
        omero = {}
    image: Any = {"multiscales": [{"axes": described, "datasets": datasets, "name": "cells"}], **omero}
    if zarr_format == 3:
        group.attrs["ome"] = {"version": "0.5", **image}
    else:
        image["multiscales"][0]["version"] = "0.4"
        group.attrs.update(image)
    return path


def asked(source: Path | str, target: Path | str, **changes: Any) -> Asked:
    """A method of next to no training, in small units."""
    settings: dict[str, Any] = {"method": quick(), "recipe": None, "run": RUN, "most": MOST}
    return Asked(str(source), str(target), **(settings | changes))


def begun_plan(source: Path | str, target: Path | str, **changes: Any) -> ScalePlan:
    """The plan of an output that has just been begun."""
    return begin(asked(source, target, **changes))


def tree(store: Path) -> Mapping[str, str]:
    """SHA-256 of every file of a store, by its name."""
    return {
        file.relative_to(store).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(store.rglob("*"))
        if file.is_file()
    }


def level(store: Path | str, number: int = 0) -> Any:
    """All pixels of one size of an image, as zarr-python reads them."""
    return np.asarray(zarr.open_group(store, mode="r")[str(number)][...])  # type: ignore[index]
