"""Tiles along one axis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.tiling.geometry import spans, whole

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


@given(y=st.integers(1, 90), x=st.integers(1, 90), first=st.integers(1, 80), second=st.integers(1, 80),
       halo=AXIS["halo"], alignment=AXIS["alignment"])  # fmt: skip
def test_tiles_that_are_split_cover_the_same_pixels_once(
    y: int, x: int, first: int, second: int, halo: int, alignment: int
) -> None:
    covered = np.zeros((y, x), int)
    for tile in whole(y, x).split(y, x, first, halo, alignment):
        parts = tile.split(y, x, second, halo, alignment)
        assert sum(part.pixels for part in parts) == tile.pixels
        for part in parts:
            covered[part.place] += 1
            assert np.zeros((y, x))[part.reach][part.own].size == part.pixels
            assert part.row.read_start % alignment == part.column.read_start % alignment == 0
    assert (covered == 1).all()


def test_a_split_tile_reads_what_a_tile_of_that_size_reads() -> None:
    small = whole(100, 70).split(100, 70, 16, 3, 4)
    assert {part for tile in whole(100, 70).split(100, 70, 32, 3, 4) for part in tile.split(100, 70, 16, 3, 4)} == set(
        small
    )
