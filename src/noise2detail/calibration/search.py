"""Search for the value of one parameter with the lowest loss: a coarse grid first, then between its best values."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from noise2detail.errors import SettingError

WORSE_IN_A_ROW = 2
"""Sizes beyond the best after which larger ones are not tried: each takes longer than the one before."""


@dataclass(frozen=True)
class Geometric:
    """Positive numbers, each the same factor larger than the one before."""

    low: float
    """First."""
    factor: float
    """From one to the next."""
    count: int
    """How many."""
    refinements: int = 2
    """Times that the values halfway, in ratio, between the best and its neighbours are tried."""

    @property
    def most(self) -> int:
        """Values tried at most."""
        return self.count + 2 * self.refinements

    def coarse(self, unit: float) -> tuple[float, ...]:
        """The grid, in multiples of ``unit``."""
        return tuple(unit * self.low * self.factor**number for number in range(self.count))

    def around(self, value: float) -> tuple[float, ...]:
        """A grid to go on with from a value that is nearly right."""
        step = math.sqrt(self.factor)
        return (value / step, value, value * step)

    def between(self, one: float, other: float) -> float | None:
        """The value halfway."""
        return math.sqrt(one * other)


@dataclass(frozen=True)
class OddSizes:
    """Sides of a square with a pixel in its centre."""

    low: int
    """Smallest."""
    high: int
    """Largest."""
    refinements: int = 0
    """There is nothing between neighbours."""

    @property
    def most(self) -> int:
        """Values tried at most."""
        return (self.high - self.low) // 2 + 1

    def coarse(self, unit: float) -> tuple[float, ...]:
        """All of them, the smallest first."""
        del unit
        return tuple(map(float, range(self.low, self.high + 1, 2)))

    def around(self, value: float) -> tuple[float, ...]:
        """A size and its neighbours."""
        return tuple(size for size in (value - 2, value, value + 2) if self.low <= size <= self.high)

    def between(self, one: float, other: float) -> float | None:
        """No size."""
        del one, other
        return None


Grid = Geometric | OddSizes


def lowest(loss: Callable[[float], float], grid: Grid, first: tuple[float, ...]) -> float:
    """The value with the lowest loss among those tried; the first of several equal ones.

    Parameters
    ----------
    loss
        Of a value; called once for each.
    grid
        Where values lie.
    first
        What to begin with, from ``grid.coarse`` or ``grid.around``.
    """
    found: dict[float, float] = {}
    for value in first:
        found[value] = loss(value)
        if isinstance(grid, OddSizes) and len(found) - 1 - _rank_of_best(found) >= WORSE_IN_A_ROW:
            break
    for _ in range(grid.refinements):
        for value in tuple(_halfway(found, grid)):
            found[value] = loss(value)
    return _best(found)


def _best(found: dict[float, float]) -> float:
    return min(found, key=found.__getitem__)


def _rank_of_best(found: dict[float, float]) -> int:
    return sorted(found).index(_best(found))


def _halfway(found: dict[float, float], grid: Grid) -> Iterator[float]:
    """Values between the best and its neighbours that were not tried yet."""
    values, place = sorted(found), _rank_of_best(found)
    for neighbour in (place - 1, place + 1):
        if 0 <= neighbour < len(values):
            value = grid.between(values[place], values[neighbour])
            if value is not None and value not in found:
                yield value


def check_odd(name: str, value: int) -> None:
    """Raise unless a setting is an odd number of at least 3, so that a square has a pixel in its centre.

    Raises
    ------
    SettingError
        With the name, the value and what was expected.
    """
    if value < 3 or value % 2 == 0:
        raise SettingError(f"{name} is {value}; expected an odd number of at least 3")
