"""What the axes of a layer mean."""

import pytest

from noise2detail.errors import AxesError
from noise2detail.napari.axes import find_axes

CASES = [
    pytest.param(2, False, (), (), "YX", True, id="plane"),
    pytest.param(2, True, (), (), "YXS", True, id="colour"),
    pytest.param(3, False, ("axis -3", "axis -2", "axis -1"), ("pixel",) * 3, "ZYX", False, id="nothing said"),
    pytest.param(3, False, ("t", "y", "x"), (), "TYX", True, id="names"),
    pytest.param(4, True, ("Time", "Z", "Y", "X"), (), "TZYXS", True, id="names of colour"),
    pytest.param(3, False, ("y", "x", "channel"), (), "YXC", True, id="channels last"),
    pytest.param(3, False, (), ("second", "micrometer", "micrometer"), "TYX", True, id="seconds"),
    pytest.param(3, False, (), ("micrometer",) * 3, "ZYX", True, id="lengths"),
    pytest.param(4, False, (), ("pixel", "um", "um", "um"), "TZYX", False, id="only depth known"),
    pytest.param(4, False, ("c", "a", "y", "x"), (), "CZYX", False, id="only channels known"),
    pytest.param(4, False, (), ("um",) * 4, "TZYX", False, id="two depths"),
    pytest.param(5, False, (), (), "TCZYX", False, id="five"),
    pytest.param(3, False, ("z", "z", "x"), (), "ZYX", True, id="a name twice among the last"),
]


@pytest.mark.parametrize(("ndim", "rgb", "labels", "units", "letters", "sure"), CASES)
def test_names_win_over_units_and_units_over_guesses(
    ndim: int, rgb: bool, labels: tuple[str, ...], units: tuple[str, ...], letters: str, sure: bool
) -> None:
    found = find_axes(ndim, rgb=rgb, labels=labels, units=units)
    assert (found.letters, found.sure) == (letters, sure)
    assert ("guess" in found.words) is not sure


def test_a_wish_wins() -> None:
    assert find_axes(3, labels=("z", "y", "x"), wish=" tyx ").letters == "TYX"
    assert find_axes(2, rgb=True, wish="YX").letters == "YXS"


@pytest.mark.parametrize("wish", ["YX", "QYX", "ZZX", "ZCX"])
def test_a_wish_that_does_not_fit_is_refused(wish: str) -> None:
    with pytest.raises(AxesError, match="axes"):
        find_axes(3, wish=wish, shape=(4, 16, 16))


@pytest.mark.parametrize("ndim", [1, 6])
def test_other_numbers_of_dimensions_are_refused(ndim: int) -> None:
    with pytest.raises(AxesError, match=f"{ndim} dimensions; expected 2 to 5"):
        find_axes(ndim)
