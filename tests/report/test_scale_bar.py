"""Scale bars: round, as long as they say, and never too wide."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.errors import SettingError
from noise2detail.report.scale_bar import SHARE, length_in_words, round_length, scale_bar

UNITS = {"nm": 1e-3, "µm": 1.0, "mm": 1e3}


@given(st.floats(1e-6, 1e6))
def test_a_round_length_is_the_largest_that_fits(longest: float) -> None:
    length = round_length(longest)
    digits, exponent = f"{length:e}".split("e")
    assert float(digits) in {1.0, 2.0, 5.0}
    following = {1.0: 2.0, 2.0: 2.5, 5.0: 2.0}[float(digits)]
    assert length <= longest * (1 + 1e-8)
    assert longest < length * following * (1 + 1e-8)
    assert float(f"{digits}e{exponent}") == length


@pytest.mark.parametrize("power", range(-6, 7))
def test_powers_of_ten_are_round_themselves(power: int) -> None:
    assert round_length(float(f"1e{power}")) == float(f"1e{power}")


@given(st.integers(8, 20000), st.floats(1e-5, 1e4))
def test_words_and_pixels_mean_the_same(width: int, pixel_size: float) -> None:
    bar = scale_bar(width, pixel_size)
    number, unit = bar.text.split(" ")
    assert float(number) * UNITS[unit] == pytest.approx(bar.length_um, rel=1e-9)
    assert bar.pixels * pixel_size == pytest.approx(bar.length_um, rel=1e-9)
    assert 0.4 * SHARE * width * (1 - 1e-8) <= bar.pixels <= SHARE * width * (1 + 1e-8)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0.001, "1 nm"),
        (0.5, "500 nm"),
        (1.0, "1 µm"),
        (500.0, "500 µm"),
        (1e3, "1 mm"),
        (5e4, "50 mm"),
        (2e-4, "0.2 nm"),
    ],
)
def test_units_change_at_a_thousand(length: float, text: str) -> None:
    assert length_in_words(length) == text


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, math.inf])
def test_no_pixel_size_is_refused(size: float) -> None:
    with pytest.raises(SettingError, match="pixel size"):
        scale_bar(100, size)
