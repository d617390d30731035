"""Walking the tiles gives what the function gives for whole images."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch
from tests.material import noisy_batch


def blur(images: Batch) -> Batch:
    """Mean of 5x5 pixels with zeros outside: a halo of 2."""
    return F.avg_pool2d(images, 5, 1, 2)


@given(y=st.integers(1, 40), x=st.integers(1, 40), tile=st.integers(5, 50), alignment=st.sampled_from([1, 2, 4]))
def test_tiles_equal_the_whole(y: int, x: int, tile: int, alignment: int) -> None:
    images = noisy_batch(2, 2, y, x)
    found = apply_in_tiles(blur, images, tile=tile, halo=2, alignment=alignment)
    torch.testing.assert_close(found, blur(images), rtol=0, atol=1e-6)


def test_a_halo_too_small_shows() -> None:
    images = noisy_batch(1, 1, 20, 20)
    assert not torch.allclose(apply_in_tiles(blur, images, tile=5, halo=1, alignment=1), blur(images), atol=1e-3)


@pytest.mark.parametrize("halo", [0, None])
def test_the_number_of_channels_may_change(halo: int | None) -> None:
    images = noisy_batch(2, 1, 9, 11)
    found = apply_in_tiles(lambda batch: batch.expand(-1, 3, -1, -1) * 2, images, tile=4, halo=halo, alignment=1)
    assert torch.equal(found, images.expand(-1, 3, -1, -1) * 2)


def test_without_a_halo_images_go_through_whole_and_one_by_one() -> None:
    seen: list[tuple[int, ...]] = []

    def remember(images: Batch) -> Batch:
        seen.append(tuple(images.shape))
        return images

    apply_in_tiles(remember, noisy_batch(3, 1, 20, 9), tile=4, halo=None, alignment=1)
    assert seen == [(1, 1, 20, 9)] * 3


def test_no_tile_is_larger_than_asked_for() -> None:
    seen: list[tuple[int, ...]] = []

    def remember(images: Batch) -> Batch:
        seen.append(tuple(images.shape))
        return images

    apply_in_tiles(remember, noisy_batch(1, 1, 100, 37), tile=16, halo=3, alignment=4)
    assert max(max(shape[-2:]) for shape in seen) == 16 + 2 * 4
