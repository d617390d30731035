"""The search finds the lowest loss with few trials."""

import math
from collections.abc import Callable

import pytest

from noise2detail.calibration.search import Geometric, Grid, OddSizes, check_odd, lowest
from noise2detail.errors import SettingError

GRID = Geometric(0.25, 2.0, 6, refinements=3)


def counted(loss: Callable[[float], float]) -> tuple[list[float], Callable[[float], float]]:
    tried: list[float] = []

    def own(value: float) -> float:
        tried.append(value)
        return loss(value)

    return tried, own


@pytest.mark.parametrize("truth", [0.1, 0.25, 0.33, 0.9, 1.41, 2.7, 7.9, 50.0])
def test_it_is_as_near_as_the_last_refinement(truth: float) -> None:
    tried, loss = counted(lambda value: math.log(value / truth) ** 2)
    found = lowest(loss, GRID, GRID.coarse(1.0))
    within = min(max(truth, 0.25), 8.0)
    assert abs(math.log2(found / within)) <= 1 / 16 + 1e-9
    assert len(tried) == len(set(tried)) <= GRID.most


def test_a_grid_is_in_multiples_of_a_unit() -> None:
    assert Geometric(0.5, 3.0, 3).coarse(2.0) == pytest.approx((1.0, 3.0, 9.0))


@pytest.mark.parametrize("grid", [GRID, OddSizes(3, 15)], ids=["numbers", "sizes"])
def test_near_a_good_value_few_are_tried(grid: Grid) -> None:
    tried, loss = counted(lambda value: abs(value - 5.0))
    assert lowest(loss, grid, grid.around(5.0)) == 5.0
    assert max(tried) <= 7.1
    assert len(tried) <= 9


def test_sizes_are_odd_and_larger_ones_are_left_out_once_it_gets_worse() -> None:
    tried, loss = counted(lambda value: abs(value - 5.0))
    grid = OddSizes(3, 21)
    assert lowest(loss, grid, grid.coarse(7.0)) == 5.0
    assert tried == [3.0, 5.0, 7.0, 9.0]
    assert grid.around(3.0) == (3.0, 5.0)
    assert grid.around(21.0) == (19.0, 21.0)
    assert grid.most == len(grid.coarse(1.0)) == 10


def test_the_first_of_equal_values_is_taken() -> None:
    assert lowest(lambda value: 1.0, OddSizes(3, 9), (3.0, 5.0, 7.0)) == 3.0


@pytest.mark.parametrize("size", [0, 1, 2, 4, -3])
def test_a_size_without_a_centre_is_refused(size: int) -> None:
    with pytest.raises(SettingError, match=rf"patch is {size}; expected an odd number"):
        check_odd("patch", size)
