"""Real denoisers, tile by tile and whole, at any size; borders and memory that runs out included."""

from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from noise2detail.method import Context, Denoiser
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.methods.zs_n2n import ZeroShotNoise2Noise
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch
from tests.material import noisy_batch, quick, shortened

METHODS: dict[str, Any] = {
    f"strides {strides}, {recipe}": quick(recipe, strides=strides)
    for strides in ((2, 4), (3,), ())
    for recipe in ("fast", "paper")
} | {f"zs_n2n, {recipe}": shortened(ZeroShotNoise2Noise.recipe(recipe), 2, 4) for recipe in ("fast", "paper")}
"""Reflected borders (fast) and zeros (paper)."""


@cache
def denoiser(name: str) -> Denoiser:
    found: Denoiser = METHODS[name].fit(noisy_batch(1, 1, 24, 24), Context())
    return found


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=6)
@given(y=st.integers(8, 60), x=st.integers(8, 60), tile=st.integers(5, 50), seed=st.integers(0, 3))
def test_tiles_equal_the_whole(name: str, y: int, x: int, tile: int, seed: int) -> None:
    noisy, known = noisy_batch(1, 1, y, x, seed=seed), denoiser(name)
    found = apply_in_tiles(known, noisy, tile=tile, halo=known.halo, alignment=known.alignment)
    torch.testing.assert_close(found, known(noisy), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_tiles_that_shrink_on_the_way_equal_the_whole(name: str) -> None:
    noisy, known = noisy_batch(1, 1, 201, 117), denoiser(name)
    calls: list[Batch] = []

    def short_of_memory(piece: Batch) -> Batch:
        calls.append(piece)
        if len(calls) > 1 and max(piece.shape[-2:]) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return known(piece)

    found = apply_in_tiles(short_of_memory, noisy, tile=160, halo=known.halo, alignment=known.alignment)
    assert len(calls) > 3
    torch.testing.assert_close(found, known(noisy), rtol=0, atol=1e-5)


def test_strides_are_those_of_the_names() -> None:
    assert {m.strides for m in METHODS.values() if isinstance(m, Noise2Detail)} == {(2, 4), (3,), ()}
