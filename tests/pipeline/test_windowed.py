"""Windows of planes, and how their results are put together."""

import pytest

from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.windowed import windows
from noise2detail.plans import Neighbours


@pytest.mark.parametrize("planes", [2, 3, 4, 5, 6, 7, 11, 17, 100])
@pytest.mark.parametrize("reach", [1, 2, 4, 8])
def test_every_plane_is_done_once_and_seen_with_its_neighbours(planes: int, reach: int) -> None:
    found = windows(Layout("ZYX", (planes, 16, 16)), Neighbours("Z", reach))
    done = [index for window in found for index in window.planes[: window.done]]
    assert done == [(number,) for number in range(planes)]
    depth = min(2 * reach + 1, planes)
    assert all(len(window.planes) == depth for window in found)
    held: dict[tuple[int, ...], float] = {}
    for position, window in enumerate(found):
        later = {index for other in found[position + 1 :] for index in other.planes}
        assert not later & set(window.planes[: window.done])
        for index, weight in zip(window.planes, window.weights, strict=True):
            held[index] = max(held.get(index, 0.0), weight)
    # some window holds each with half of its depth on either side, or as many as there are
    assert min(held.values()) >= min(reach // 2 + 1, depth)
    assert len(found) <= 1 + -(-(planes - depth) // (reach + 1))


def test_series_along_one_axis_are_kept_apart() -> None:
    layout = Layout("TCZYX", (2, 3, 4, 16, 16))
    along_z = windows(layout, Neighbours("Z", 1))
    assert [window.planes for window in along_z[:2]] == [((0, 0), (0, 1), (0, 2)), ((0, 1), (0, 2), (0, 3))]
    along_t = windows(layout, Neighbours("T", 1))
    assert [window.planes for window in along_t] == [((0, number), (1, number)) for number in range(4)]


def test_the_middle_counts_most_and_ends_of_a_series_are_no_edge() -> None:
    first, middle, last = windows(Layout("TYX", (11, 16, 16)), Neighbours("T", 2))
    assert first.weights == (5.0, 4.0, 3.0, 2.0, 1.0)
    assert middle.weights == (1.0, 2.0, 3.0, 2.0, 1.0)
    assert last.weights == (1.0, 2.0, 3.0, 4.0, 5.0)
