"""Pixel-shuffle downsampling: every part is every so-manieth pixel, and together they are the image."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.numerics.shuffle import shuffle_apart, shuffle_together
from tests.material import noisy_batch

SIZES = {
    "batch": st.integers(1, 3),
    "channels": st.integers(1, 3),
    "rows": st.integers(1, 4),
    "columns": st.integers(1, 4),
    "stride": st.sampled_from([1, 2, 3, 4, 8]),
}


@given(**SIZES)
def test_parts_make_the_image_again(batch: int, channels: int, rows: int, columns: int, stride: int) -> None:
    image = noisy_batch(batch, channels, rows * stride, columns * stride)
    assert torch.equal(shuffle_together(shuffle_apart(image, stride), stride), image)


@given(**SIZES)
def test_a_part_is_every_so_manieth_pixel(batch: int, channels: int, rows: int, columns: int, stride: int) -> None:
    image = noisy_batch(batch, channels, rows * stride, columns * stride)
    parts = shuffle_apart(image, stride)
    assert parts.shape == (batch * stride**2, channels, rows, columns)
    expected = [
        image[n, :, dy::stride, dx::stride] for n in range(batch) for dy in range(stride) for dx in range(stride)
    ]
    assert torch.equal(parts, torch.stack(expected))
