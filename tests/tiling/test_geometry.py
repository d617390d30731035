"""Tiles along one axis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.tiling.geometry import spans

AXIS = {
    "size": st.integers(1, 200),
    "tile": st.integers(1, 80),
    "halo": st.integers(0, 30),
    "alignment": st.sampled_from([1, 2, 3, 4, 8]),
}


@given(**AXIS)
def test_every_pixel_belongs_to_one_tile(size: int, tile: int, halo: int, alignment: int) -> None:
    owned = [pixel for span in spans(size, tile, halo, alignment) for pixel in range(span.start, span.stop)]
    assert owned == list(range(size))


@given(**AXIS)
def test_what_is_read_lies_in_the_image_and_holds_the_halo(size: int, tile: int, halo: int, alignment: int) -> None:
    for span in spans(size, tile, halo, alignment):
        assert 0 <= span.read_start <= max(0, span.start - halo)
        assert min(size, span.stop + halo) <= span.read_stop <= size


@given(**AXIS)
def test_tiles_are_aligned(size: int, tile: int, halo: int, alignment: int) -> None:
    for span in spans(size, tile, halo, alignment):
        assert span.read_start % alignment == 0
        assert span.read_stop == size or (span.read_stop - span.read_start) % alignment == 0
        assert span.stop - span.start < tile + alignment


@given(**AXIS)
def test_what_is_kept_is_what_the_tile_owns(size: int, tile: int, halo: int, alignment: int) -> None:
    pixels = list(range(size))
    for span in spans(size, tile, halo, alignment):
        assert pixels[span.read_start : span.read_stop][span.keep] == pixels[span.start : span.stop]


@pytest.mark.parametrize("size", [1, 7, 8, 64])
def test_a_tile_as_large_as_the_image_is_the_image(size: int) -> None:
    (span,) = spans(size, 64, 12, 4)
    assert (span.read_start, span.read_stop, span.start, span.stop) == (0, size, 0, size)
