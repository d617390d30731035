"""Small files, and the real ones where they are at hand."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from noise2detail.errors import UnreadableFileError
from noise2detail.io import open_image
from noise2detail.plans import Plan, Provenance, ValueMap
from noise2detail.types import Pixels

DATA = Path(__file__).parents[3] / "shared" / "data"


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
        fit="each",
        channel_mode="joint",
        seed=7,
        device="cpu",
        precision="float32",
        threads=2,
        tile=512,
    )
    return Provenance(plan, 1.5, "0.1.0", "abc", {"torch": "2.6"}, "cells.tif", "00ff")
