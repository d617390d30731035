"""A volume of any size, made on the fly: an OME-Zarr 0.5 in shards, written by the library zarr alone.

Blobs of three sizes under photon noise, another view of them in every plane. What is in it hardly matters for what it
is made for: how fast, how steadily and in how little memory it is denoised.
"""

import json
from pathlib import Path

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
    folder: Path, shape: tuple[int, int, int], shard: int, chunk: int, *, seed: int = 0, axes: str = "ZYX"
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
    seed
        Of everything random.
    axes
        What the three dimensions are.
    """
    done = folder / "zarr.json"
    if done.exists() and json.loads(done.read_text()).get("attributes", {}).get("made") == [*shape, shard, chunk, seed]:
        return folder
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    array = group.create_array(
        "0", shape=shape, dtype="uint16", chunks=(1, chunk, chunk), shards=(1, shard, shard),
        compressors=ZstdCodec(level=1), dimension_names=[letter.lower() for letter in axes],
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    views = [rng.poisson(_scene(rng, *shape[1:])).astype(np.uint16) + np.uint16(OFFSET) for _ in range(DIFFERENT)]
    for plane in range(shape[0]):
        moved = rng.integers(0, shape[1:])
        array[plane] = np.roll(views[plane % DIFFERENT], moved, (0, 1))
    group.attrs["made"] = [*shape, shard, chunk, seed]
    group.attrs["ome"] = _description(axes)  # last: without it the store is no image
    return folder


def _scene(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """Photons in each pixel."""
    scene = np.zeros((rows, columns))
    for sigma in (2.0, 6.0, 20.0):
        seeds = (rng.random((rows, columns)) < 0.02 / sigma**2).astype(float)
        blobs = gaussian_filter(seeds, sigma, mode="wrap")
        scene += blobs / max(float(blobs.max()), 1e-9)
    return PHOTONS * scene / float(scene.max()) + 2


def _description(axes: str) -> dict[str, object]:
    kinds = {"T": "time", "C": "channel"}
    named = [{"name": letter.lower(), "type": kinds.get(letter, "space")} for letter in axes]
    scale = [{"type": "scale", "scale": [1.0] * len(axes)}]
    sizes = [{"path": "0", "coordinateTransformations": scale}]
    return {"version": "0.5", "multiscales": [{"name": "made", "axes": named, "datasets": sizes}]}
