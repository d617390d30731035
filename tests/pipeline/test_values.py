"""Pixel values into the working range and back."""

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.errors import InputError
from noise2detail.pipeline.denoise import denoise
from noise2detail.pipeline.values import (
    from_working_range,
    is_constant,
    may_hold_gaps,
    percentile_map,
    published_map,
    to_type,
    to_working_range,
)
from noise2detail.plans import ValueMap
from tests.material import CPU, noisy_array, quick

NAN, INF = np.nan, np.inf
INTEGERS = [np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", ">u2", ">i4")]


@pytest.mark.parametrize("dtype", ["u2", ">u2", "i2", "i4", "f4", "f8", ">f4"])
def test_percentiles_of_a_ramp(dtype: str) -> None:
    ramp = np.random.default_rng(0).permutation(np.arange(1001)).astype(dtype).reshape(7, 143)
    assert astuple(percentile_map(ramp)) == pytest.approx((1, 998))


def test_percentiles_leave_out_what_is_no_number() -> None:
    ramp = np.concatenate([np.arange(1001.0), [NAN, INF, -INF]])
    assert astuple(percentile_map(ramp[None])) == pytest.approx((1, 998))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(np.diag([7.0] * 5 + [0.0] * 95), ValueMap(0, 7), id="sparse"),
        pytest.param(np.pad([[9, 5]], ((0, 99), (0, 98))), ValueMap(0, 9), id="two-bright-pixels"),
        pytest.param(np.full((9, 9), 3.0), ValueMap(3, 1), id="constant"),
        pytest.param(np.full((9, 9), NAN), ValueMap(0, 1), id="no-number"),
    ],
)
def test_percentiles_that_coincide(values: Any, expected: ValueMap) -> None:
    assert percentile_map(values) == expected


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
def test_percentiles_of_signed_integers_do_not_wrap_around(dtype: str) -> None:
    info = np.iinfo(dtype)
    values = np.full((32, 32), info.min, dtype)
    values.flat[:2] = info.max
    low, high = np.percentile(values.astype(np.float64), (0.1, 99.9))
    found = percentile_map(values)
    assert found.offset == low
    assert found.scale == pytest.approx(high - low, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(np.array([[3, 200]], np.uint8), ValueMap(0, 255), id="uint8"),
        pytest.param(np.array([[0.1, 0.8]]), ValueMap(0, 1), id="within-0-1"),
        pytest.param(np.array([[0.1, NAN, 1.0]]), ValueMap(0, 1), id="within-0-1-and-nan"),
        pytest.param(np.array([[0.1, 1.5]]), ValueMap(0.1, 1.4), id="above-1"),
        pytest.param(np.array([[-0.5, 0.5]], np.float32), ValueMap(-0.5, 1.0), id="below-0"),
        pytest.param(np.array([[100, 4095]], np.uint16), ValueMap(100, 3995), id="uint16"),
        pytest.param(np.array([[0, 1]], np.uint16), ValueMap(0, 1), id="uint16-within-0-1"),
        pytest.param(np.array([[-3, 5]], np.int8), ValueMap(-3, 8), id="int8"),
        pytest.param(np.array([[INF, 2.0, 6.0]]), ValueMap(2, 4), id="infinite"),
        pytest.param(np.array([[7.0, 7.0]]), ValueMap(7, 1), id="constant"),
    ],
)
def test_published_map(values: Any, expected: ValueMap) -> None:
    assert published_map(values) == expected


def test_the_map_is_affine_and_one_for_each_channel() -> None:
    plane = np.array([[[10.0, 20.0]], [[-1.0, 3.0]]])
    found, mask = to_working_range(plane, (ValueMap(10, 10), ValueMap(1, 2)))
    assert mask is None
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[[0, 1]], [[-1, 1]]])


def test_gaps_are_filled_with_the_nearest_pixel_of_their_channel() -> None:
    plane = np.array([[[1.0, NAN, NAN, NAN, 9.0]], [[INF, -INF, NAN, 4.0, 5.0]], [[NAN] * 5]])
    found, mask = to_working_range(plane, (ValueMap(0, 1),) * 3)
    assert mask is not None
    np.testing.assert_array_equal(mask, np.isfinite(plane))
    assert found[0, 0, [0, 1, 3, 4]].tolist() == [1, 1, 9, 9]
    assert found[1, 0].tolist() == [4, 4, 4, 4, 5]
    assert np.isfinite(found[2]).all()


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_are_rounded_half_to_even_and_clipped(dtype: np.dtype[Any]) -> None:
    info = np.iinfo(dtype)
    found = to_type(np.array([0.5, 1.5, 2.5, 3.49, 1e30, -1e30]), dtype)
    assert found.dtype == dtype
    assert found[:4].tolist() == [0, 2, 2, 3]
    assert int(found[5]) == info.min
    assert int(found[4]) == (info.max if info.bits < 64 else info.max - (2047 if info.min == 0 else 1023))
    if info.min < 0:
        assert to_type(np.array([-0.5, -1.5, -2.5]), dtype).tolist() == [0, -2, -2]


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4"])
def test_small_floats_are_clipped_and_never_infinite(dtype: str) -> None:
    info = np.finfo(dtype)
    found = to_type(np.array([1e300, -1e300, 0.25]), np.dtype(dtype))
    assert found.dtype == np.dtype(dtype)
    assert found.tolist() == [float(info.max), float(info.min), 0.25]


@given(values=st.lists(st.integers(0, 2**16 - 1), min_size=4, max_size=30), offset=st.integers(-500, 500))
def test_sixteen_bits_survive_there_and_back(values: list[int], offset: int) -> None:
    plane = np.array([[values]], np.uint16)
    maps = (ValueMap(float(offset), float(max(values) - offset) or 1.0),)
    working, mask = to_working_range(plane, maps)
    assert mask is None
    np.testing.assert_array_equal(from_working_range(working[0], maps[0], plane.dtype), plane[0])


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        pytest.param("u4", [0x7FC12345, 0xFFC00001, 0x7F800000, 0xFF800000], id="float32"),
        pytest.param(
            "u8", [0x7FF8000012345678, 0xFFF8000000000001, 0x7FF0000000000000, 0xFFF0000000000000], id="float64"
        ),
        pytest.param("u2", [0x7E12, 0xFE01, 0x7C00, 0xFC00], id="float16"),
        pytest.param(">u4", [0x7FC12345, 0xFFC00001, 0x7F800000, 0xFF800000], id="big-endian"),
    ],
)
def test_gaps_come_back_bit_for_bit(bits: str, words: list[int]) -> None:
    image = np.linspace(0, 1, 64).reshape(8, 8).astype(bits.replace("u", "f"))
    image.view(bits)[3, 2:6] = words
    found = denoise(image, method=quick(), run=CPU)
    assert found.view(bits)[3, 2:6].tolist() == words
    assert np.count_nonzero(found == image) < 9


def test_a_channel_of_one_value_stays_as_it_is() -> None:
    image = np.stack([np.full((8, 8), 5.0), np.linspace(0, 1, 64).reshape(8, 8)])
    found = denoise(image, axes="CYX", method=quick(), run=CPU)
    assert (found[0] == 5).all()
    assert not (found[1] == image[1]).any()


@pytest.mark.parametrize("shape", [(3, 700, 500), (2, 5, 300_000)], ids=str)
@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", ">f8"])
def test_in_pieces_as_in_double_precision_at_once(dtype: str, shape: tuple[int, ...]) -> None:
    plane = (1000 * np.random.default_rng(0).random(shape)).astype(dtype)
    maps = tuple(ValueMap(100.0 + n, 321.7 / (n + 1)) for n in range(len(plane)))
    expected = np.stack(
        [(channel.astype(np.float64) - m.offset) / m.scale for channel, m in zip(plane, maps, strict=True)]
    )
    found, mask = to_working_range(plane, maps)
    assert mask is None
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_a_gap_in_one_piece_is_found_there() -> None:
    plane = np.zeros((2, 700, 500))
    plane[1, 650, 20] = NAN
    _, mask = to_working_range(plane, (ValueMap(0, 1),) * 2)
    assert mask is not None
    assert np.argwhere(~mask).tolist() == [[1, 650, 20]]


@pytest.mark.parametrize(
    ("dtype", "value_map", "expected"),
    [
        ("f4", ValueMap(0, 1), True),
        ("u1", ValueMap(0, 255), False),
        ("u2", ValueMap(0, 7), False),
        ("u2", ValueMap(0, 6), True),
        ("i2", ValueMap(0, 3), True),
        ("u8", ValueMap(0, 1e16), False),
    ],
)
def test_integers_within_the_bounds_hold_no_gaps(dtype: str, value_map: ValueMap, expected: bool) -> None:
    assert may_hold_gaps(np.dtype(dtype), value_map) == expected


@pytest.mark.parametrize("noisy", [False, True])
def test_constant_in_every_piece_is_constant_only_with_one_value(noisy: bool) -> None:
    pixels = np.repeat([[1.0], [2.0 if noisy else 1.0]], 2**19, axis=1)
    pixels[0, :5] = NAN
    assert is_constant(pixels) is not noisy


@pytest.mark.parametrize("value", [1e25, -3.4e38, 1e300, -1e300], ids=str)
def test_a_value_far_outside_the_range_is_no_data(value: float, caplog: pytest.LogCaptureFixture) -> None:
    """One such pixel would make every other NaN through the loss of squares."""
    noisy = noisy_array(16, 16).astype(np.float64)
    marked = np.zeros(noisy.shape, bool)
    marked[5, 5] = marked[8:10] = True
    result = denoise(np.where(marked, value, noisy), method=quick())
    assert (result[marked] == value).all()
    assert np.abs(result[~marked]).max() < 10
    assert "33 pixels lie more than 10000 times the range of the image outside it" in caplog.text


def test_further_apart_than_a_float_can_tell() -> None:
    with pytest.raises(InputError, match=r"reach from -1.7e.308 to 1.7e.308, further than a float can tell; mark"):
        published_map(np.array([-1.7e308, 1.7e308]))
