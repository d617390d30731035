"""A volume of any size, made on the fly: an OME-Zarr 0.5 in shards, written by the library zarr alone.

Blobs of three sizes under photon noise, another view of them in every plane. What is in it hardly matters for what it
is made for: how fast, how steadily and in how little memory it is denoised.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from zarr.codecs import ZstdCodec

PHOTONS = 60
"""Of a bright blob: about what a light-sheet microscope gets."""
OFFSET = 100
"""Of the camera."""
DIFFERENT = 4
"""Planes of noise that are drawn; the others are these, moved."""


def make_volume(
    folder: Path, shape: tuple[int, int, int], shard: int, chunk: int, *, sizes: int = 1, seed: int = 0
) -> Path:
    """The store, unless it is there already.

    Parameters
    ----------
    folder
        Of the store; its name ends with ``.ome.zarr``.
    shape
        Planes, rows, columns.
    shard, chunk
        Rows and columns of a file, and of what is packed as one within it.
    sizes
        Copies, each with half the rows and columns of the one before.
    seed
        Of everything random.
    """
    done, made = folder / "zarr.json", [*shape, shard, chunk, sizes, seed]
    if done.exists() and json.loads(done.read_text()).get("attributes", {}).get("made") == made:
        return folder
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    arrays = [
        group.create_array(
            f"{size}", shape=(shape[0], shape[1] >> size, shape[2] >> size), dtype="uint16",
            chunks=(1, chunk, chunk), shards=(1, shard, shard), compressors=ZstdCodec(level=1),
            dimension_names=["z", "y", "x"],
        )
        for size in range(sizes)
    ]  # fmt: skip
    rng = np.random.default_rng(seed)
    views = [rng.poisson(_scene(rng, *shape[1:])).astype(np.uint16) + np.uint16(OFFSET) for _ in range(DIFFERENT)]
    for plane in range(shape[0]):
        moved = rng.integers(0, shape[1:])
        pixels = np.roll(views[plane % DIFFERENT], moved, (0, 1))
        for size, array in enumerate(arrays):
            array[plane] = pixels[:: 2**size, :: 2**size]
    group.attrs["made"] = made
    group.attrs["ome"] = _description(sizes)  # last: without it the store is no image
    return folder


def _scene(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """Photons in each pixel."""
    scene = np.zeros((rows, columns))
    for sigma in (2.0, 6.0, 20.0):
        seeds = (rng.random((rows, columns)) < 0.02 / sigma**2).astype(float)
        blobs = gaussian_filter(seeds, sigma, mode="wrap")
        scene += blobs / max(float(blobs.max()), 1e-9)
    return PHOTONS * scene / float(scene.max()) + 2


def _description(sizes: int) -> dict[str, Any]:
    axes = [{"name": letter, "type": "space", "unit": "micrometer"} for letter in "zyx"]
    datasets = [
        {
            "path": f"{size}",
            "coordinateTransformations": [{"type": "scale", "scale": [1.0, 0.5 * 2**size, 0.5 * 2**size]}],
        }
        for size in range(sizes)
    ]
    return {"version": "0.5", "multiscales": [{"name": "made", "axes": axes, "datasets": datasets}]}
