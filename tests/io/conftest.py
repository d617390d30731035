"""Small files, and the real ones where they are at hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

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
