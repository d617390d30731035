"""Magnified parts: where there is something, side by side, and within the image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from noise2detail.errors import SettingError
from noise2detail.report.insets import Part, check_part, choose_parts


def with_checks(*corners: tuple[int, int]) -> NDArray[np.float64]:
    """A flat image with squares full of small checks, 16 pixels wide."""
    image = np.full((96, 128), 10.0)
    checks = 50.0 * (np.add.outer(np.arange(16) // 4, np.arange(16) // 4) % 2)
    for top, left in corners:
        image[top : top + 16, left : left + 16] += checks
    return image


def test_the_parts_are_where_the_structure_is() -> None:
    parts = choose_parts(with_checks((8, 16), (64, 96)), 16)
    assert len(parts) == 2
    for part, (top, left) in zip(sorted(parts, key=lambda one: one.top), [(8, 16), (64, 96)], strict=True):
        assert (part.height, part.width) == (16, 16)
        assert abs(part.top - top) <= 2
        assert abs(part.left - left) <= 2


def test_one_part_is_twice_as_wide() -> None:
    (part,) = choose_parts(with_checks((40, 56)), 20)
    assert (part.height, part.width) == (40, 40)
    assert part.overlaps(Part(40, 56, 16, 16))


def test_colours_and_gaps_are_no_hindrance() -> None:
    image = with_checks((8, 16), (64, 96))
    assert choose_parts(np.stack([image] * 3, -1), 16) == choose_parts(image, 16)
    image[:4] = np.nan
    assert len(choose_parts(image, 16)) == 2


@settings(deadline=None, max_examples=30)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(2, 20), st.integers(0, 5))
def test_parts_lie_within_and_apart(rows: int, columns: int, side: int, seed: int) -> None:
    image = np.random.default_rng(seed).normal(size=(rows, columns))
    parts = choose_parts(image, side)
    assert 1 <= len(parts) <= 2
    for part in parts:
        check_part(part, (rows, columns))
    if len(parts) == 2:
        covered = np.zeros((rows, columns), int)
        for part in parts:
            covered[part.pixels] += 1
        assert covered.max() == 1


@pytest.mark.parametrize(
    "part", [(0, 0, 9, 4), (0, 0, 4, 11), (-1, 0, 4, 4), (0, -1, 4, 4), (0, 0, 1, 4), (7, 8, 4, 4)]
)
def test_a_part_beyond_the_image_is_refused(part: tuple[int, int, int, int]) -> None:
    with pytest.raises(SettingError, match=f"inset {part[0]},{part[1]}.*8x10 pixels"):
        check_part(Part(*part), (8, 10))


def test_the_whole_image_may_be_magnified() -> None:
    assert check_part(Part(0, 0, 8, 10), (8, 10)).pixels == (slice(0, 8), slice(0, 10))
