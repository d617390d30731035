"""Small files, and the real ones where they are at hand."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noise2detail.errors import UnreadableFileError
from noise2detail.io import open_image
from noise2detail.plans import Plan, Provenance, ValueMap
from noise2detail.types import Pixels

DATA = Path(__file__).parents[3] / "shared" / "data"
UNITS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
TYPES = {"t": "time", "c": "channel"}
SCALE = {"t": 2.5, "c": 1.0, "z": 0.5, "y": 0.25, "x": 0.125}


def _axes_of(axes: str, units: Mapping[str, str] = UNITS) -> list[dict[str, str]]:
    return [
        {"name": axis, "type": TYPES.get(axis, "space")} | ({"unit": units[axis]} if axis in units else {})
        for axis in axes
    ]


@pytest.fixture
def real() -> Callable[[str], Path]:
    """A real file by its name below the shared data; skips where it is absent."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"real file {name} is not on this machine")
        return path

    return find


@pytest.fixture
def noise() -> Callable[..., Pixels]:
    """Random pixels of a shape and type."""

    def make(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> Pixels:
        generator = np.random.default_rng(seed)
        kind = np.dtype(dtype)
        if kind.kind == "b":
            return generator.random(shape) < 0.5
        if kind.kind == "f":
            return generator.normal(size=shape).astype(kind)
        limits = np.iinfo(kind)
        return generator.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)

    return make


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[..., Counter[str]]:
    """Opens a file cut at many lengths, then with single bytes changed within a stretch of it.

    Each time there must be an image of the same shape, for a cut the very same, or a refusal with the name of the file
    and a remedy. Returns how often which.
    """

    def survive(whole: bytes, suffix: str, cuts: int, changes: int, within: slice = slice(None)) -> Counter[str]:
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(whole)
        sound = open_image(path)
        chance = random.Random(0)
        first, last, _ = within.indices(len(whole))
        variants = [whole[: len(whole) * cut // cuts] for cut in range(cuts)] + [whole[:-1]]
        for _ in range(changes):
            at = chance.randrange(first, last)
            variants.append(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        came: Counter[str] = Counter()
        for number, variant in enumerate(variants):
            path.write_bytes(variant)
            try:
                image = open_image(path)
            except UnreadableFileError as refusal:
                told = path.name in str(refusal) and bool(refusal.remedy)
                came["refused" if told else "refused without a word"] += 1
            else:
                if number <= cuts:  # what was cut off was of no use
                    np.testing.assert_array_equal(image.array, sound.array)
                    assert image.pixel_size_um == sound.pixel_size_um
                assert (image.axes, image.array.shape) == (sound.axes, sound.array.shape)
                assert image.array.dtype == sound.array.dtype
                came["read"] += 1
        assert set(came) <= {"refused", "read"}
        return came

    return survive


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Call it before the failing step; afterwards the folder must hold what it held then."""
    before: list[set[Path]] = []

    def remember() -> None:
        before.append(set(tmp_path.rglob("*")))

    yield remember
    assert before, "nothing_left was not called"
    assert set(tmp_path.rglob("*")) == before[0]


@pytest.fixture
def provenance() -> Provenance:
    """What was done, made up."""
    plan = Plan(
        method="noise2detail",
        recipe="fast",
        settings={"steps": 3, "lr": 1e-3},
        why=("measured",),
        shape=(8, 8),
        axes="YX",
        dtype="uint16",
        planes=1,
        channels=1,
        value_maps=(ValueMap(0.0, 1.0),),
        fit="plane",
        channel_mode="joint",
        seed=7,
        device="cpu",
        precision="float32",
        threads=2,
        tile=512,
    )
    return Provenance(plan, 1.5, "0.1.0", "abc", {"torch": "2.6"}, "cells.tif", "00ff")


class Stores:
    """OME-Zarr stores made by the reference library."""

    def attributes(self, axes: str, levels: int = 1, units: Mapping[str, str] = UNITS, **more: Any) -> dict[str, Any]:
        """What one group says; ``more`` goes beside the multiscales."""
        datasets = []
        for level in range(levels):
            scale = [SCALE[axis] * (2**level if axis in "yx" else 1) for axis in axes]
            datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
        return {"multiscales": [{"axes": _axes_of(axes, units), "datasets": datasets, "name": "made up"}], **more}

    def make(
        self, path: Path, axes: str, arrays: Sequence[Pixels], zarr_format: int = 3, inside: str = "", **options: Any
    ) -> Path:
        """A store of version 0.5 (Zarr 3) or 0.4 (Zarr 2); ``attributes`` replaces what the group says."""
        said = options.pop("attributes", None) or self.attributes(axes, len(arrays))
        import zarr

        root: Any = zarr.open_group(path, mode="a", zarr_format=zarr_format)  # type: ignore[arg-type]
        group = root.require_group(inside) if inside else root
        if zarr_format == 3:
            group.attrs.update({"ome": {"version": "0.5", **said}, "custom": {"kept": [1, None, "µ"]}})
        else:
            said = {**said, "multiscales": [{"version": "0.4", **one} for one in said["multiscales"]]}
            group.attrs.update({**said, "custom": {"kept": [1, None, "µ"]}})
            options.setdefault("chunk_key_encoding", {"name": "v2", "separator": "/"})
        options.setdefault("chunks", (*arrays[0].shape[:-2], *(max(1, n // 2) for n in arrays[0].shape[-2:])))
        for level, pixels in enumerate(arrays):
            names = {"dimension_names": tuple(axes)} if zarr_format == 3 else {}
            array = group.create_array(str(level), shape=pixels.shape, dtype=pixels.dtype, **names, **options)
            array[...] = pixels
        return path

    def metadata(self, path: Path) -> dict[str, Any]:
        """Every metadata file of a store, by its place."""
        names = {"zarr.json", ".zarray", ".zgroup", ".zattrs"}
        return {
            file.relative_to(path).as_posix(): json.loads(file.read_bytes())
            for file in path.rglob("*")
            if file.name in names
        }


@pytest.fixture
def stores() -> Stores:
    """Makes OME-Zarr stores."""
    return Stores()
