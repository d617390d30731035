"""Smaller copies of an image: means over blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noise2detail.io.pyramid import reduced


@settings(max_examples=60, deadline=None)
@given(old=st.tuples(*[st.integers(1, 9)] * 3), factor=st.tuples(*[st.integers(1, 3)] * 3), up=st.booleans())
def test_means_over_blocks(old: tuple[int, int, int], factor: tuple[int, int, int], up: bool) -> None:
    new = tuple(max(1, -(-n // f) if up else n // f) for n, f in zip(old, factor, strict=True))
    pixels = np.random.default_rng(0).integers(0, 2**16, old, dtype=np.uint16)
    found = reduced(pixels, new)
    assert (found.shape, found.dtype) == (new, pixels.dtype)
    exact = all(n % m == 0 for n, m in zip(old, new, strict=True))
    if exact:
        blocks = pixels.reshape([part for n, m in zip(old, new, strict=True) for part in (m, n // m)])
        np.testing.assert_array_equal(found, np.rint(blocks.mean(axis=(1, 3, 5))))
    assert found.min() >= pixels.min()
    assert found.max() <= pixels.max()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(("old", "new"), [((3, 9, 14), (2, 5, 7)), ((2, 50, 40), (1, 1, 2)), ((4, 12, 10), (4, 8, 6))])
def test_every_block_is_the_mean_of_its_pixels(dtype: str, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    pixels = (np.random.default_rng(1).normal(size=old) * 30).astype(dtype)
    found = reduced(pixels, new)
    factors = [max(1, round(n / m)) for n, m in zip(old, new, strict=True)]
    whole = [abs(n - m * f) < f for n, m, f in zip(old, new, factors, strict=True)]
    for index in np.ndindex(*new):
        block = tuple(
            slice(i * f, (i + 1) * f) if simple else slice(i * n // m, (i + 1) * n // m)
            for i, f, simple, n, m in zip(index, factors, whole, old, new, strict=True)
        )
        mean = pixels[block].mean(dtype=np.float64)
        assert found[index] == pytest.approx(np.rint(mean) if np.dtype(dtype).kind in "iu" else mean, rel=1e-5)


def test_means_round_half_to_even_and_keep_extremes() -> None:
    assert reduced(np.array([[0, 1, 1, 2]], np.uint8), (1, 2)).tolist() == [[0, 2]]
    for kind in (np.int64, np.uint64, np.int8):
        for extreme in (np.iinfo(kind).max, np.iinfo(kind).min):
            found = reduced(np.full((2, 2), extreme, kind), (1, 1))
            assert abs(int(found[0, 0]) - extreme) <= 2**11
    mean = reduced(np.array([[np.inf, -np.inf, np.nan, 1.0]], np.float32), (1, 2))
    assert np.isnan(mean).all()
    assert reduced(np.ones((3, 7), np.float16), (2, 3)).tolist() == [[1.0] * 3] * 2
    assert reduced(np.arange(30.0).reshape(1, 30), (1, 20)).shape == (1, 20)
