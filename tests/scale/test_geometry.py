"""Units cover an image once, in whole files, and read what their pixels depend on."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from noise2detail.scale.geometry import Grid, Reach, region, unit_lengths

LENGTHS = st.integers(1, 40)


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    axes = draw(st.sampled_from(["YX", "ZYX", "CYX", "TCZYX", "CZYX"]))
    shape = tuple(draw(LENGTHS) for _ in axes)
    return axes, shape, tuple(draw(st.integers(1, length)) for length in shape)


@settings(max_examples=40)
@given(arrays(), st.integers(1, 4000), st.booleans())
def test_units_cover_every_pixel_once_in_whole_files(
    array: tuple[str, tuple[int, ...], tuple[int, ...]], most: int, joint: bool
) -> None:
    axes, shape, file = array
    unit = unit_lengths(axes, shape, file, joint=joint, most=most)
    grid = Grid(shape, unit)
    assert all(each % own == 0 for each, own in zip(unit, file, strict=True))
    one_file = math.prod(min(own, length) for own, length in zip(file, shape, strict=True))
    seen = np.zeros(shape, int)
    for number in range(grid.count):
        box = grid.box(number)
        seen[box] += 1
        assert math.prod(own.stop - own.start for own in box) <= max(most, one_file)
        assert list(grid.touching(box)) == [number]
    assert (seen == 1).all()


@settings(max_examples=40)
@given(arrays(), st.integers(0, 9), st.sampled_from([1, 2, 4]), st.data())
def test_regions_hold_the_halo_and_begin_aligned(
    array: tuple[str, tuple[int, ...], tuple[int, ...]], halo: int, alignment: int, data: st.DataObject
) -> None:
    axes, shape, file = array
    grid = Grid(shape, unit_lengths(axes, shape, file, joint=False, most=100))
    box = grid.box(data.draw(st.integers(0, grid.count - 1)))
    found = region(axes, shape, box, Reach(halo, alignment, joint=False))
    tile = (found.tile.row, found.tile.column)
    for axis, span in zip((-2, -1), tile, strict=True):
        own, read = box[axis], found.read[axis]
        assert read.start % alignment == 0
        assert read.start <= max(0, own.start - halo)
        assert read.stop >= min(shape[axis], own.stop + halo)
        assert (read.start + span.start) % alignment == 0
        assert read.start + span.start <= own.start
        assert read.start + span.stop >= own.stop
        assert read.start + found.keep[axis].start == own.start
    assert found.read[:-2] == box[:-2]


def test_channels_that_are_denoised_together_are_read_together() -> None:
    reach = Reach(4, 2, joint=True)
    write = (slice(1, 2), slice(0, 8), slice(0, 8))
    found = region("CYX", (3, 8, 8), write, reach)
    assert found.read[0] == slice(0, 3)
    assert found.keep[0] == slice(1, 2)
    assert unit_lengths("CYX", (3, 64, 64), (1, 32, 32), joint=True, most=64 * 64) == (3, 32, 32)


def test_a_terabyte_is_numbered_without_a_list() -> None:
    shape, file = (100, 4, 4000, 20000, 20000), (1, 1, 64, 64, 64)
    grid = Grid(shape, unit_lengths("TCZYX", shape, file, joint=False))
    assert grid.unit == (1, 1, 64, 512, 512)
    assert grid.count > 9e6
    last = grid.box(grid.count - 1)
    assert [own.stop for own in last] == list(shape)
    assert list(grid.touching(last)) == [grid.count - 1]
