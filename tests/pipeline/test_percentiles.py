"""Percentiles without sorting, against numpy's."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from noise2detail.pipeline import percentiles as module
from noise2detail.pipeline.chunks import chunks
from noise2detail.pipeline.percentiles import percentiles
from tests.material import noisy_array

PERCENTS = (0.1, 25, 50, 75, 99.9)
DTYPES = ["u1", "i1", "u2", ">u2", "i2", "u4", "i4", ">i4", "u8", "i8", "f2", "f4", ">f4", "f8"]


def by_numpy(values: NDArray[Any], percents: tuple[float, ...] = PERCENTS) -> NDArray[Any]:
    exact = values.astype(np.promote_types(values.dtype, np.float32)) if values.dtype.kind == "i" else values
    return np.asarray(np.percentile(exact, percents))


def anything(dtype: str) -> Any:
    """Arrays of a type, with many equal values and the extremes among them."""
    kind = np.dtype(dtype)
    finite = {"allow_nan": False, "allow_infinity": False} if kind.kind == "f" else {}
    elements = hnp.from_dtype(kind, **finite)  # type: ignore[arg-type]
    if kind.kind == "f":  # neighbours further apart than the type can tell are another matter
        elements = elements.filter(lambda value: abs(value) < np.finfo(kind).max / 4)
    return hnp.arrays(kind, st.integers(1, 40), elements=elements)


@pytest.fixture(params=[0, 2**20], ids=["to-the-last-bit", "with-sorting"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "FEW", request.param)
    return int(request.param)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_values(dtype: str, few: int) -> None:
    @given(values=anything(dtype), percent=st.floats(0, 100))
    def check(values: NDArray[Any], percent: float) -> None:
        wanted = (*PERCENTS, 0.0, 100.0, percent)
        found = percentiles(partial(chunks, values), values.dtype, wanted)
        np.testing.assert_array_equal(found, by_numpy(values, wanted))

    check()


@pytest.mark.parametrize("dtype", ["u2", "i2", "f2", "f4", "f8", "i4"])
def test_an_image_of_many_pieces(dtype: str, few: int) -> None:
    image = (3000 * noisy_array(3, 600, 500) - 500).astype(dtype)
    assert len(list(chunks(image))) > 3
    np.testing.assert_array_equal(percentiles(partial(chunks, image), image.dtype, PERCENTS), by_numpy(image))


def test_no_values_have_no_percentiles() -> None:
    assert percentiles(lambda: [np.zeros(0)], np.dtype(float), PERCENTS) is None


def test_neighbours_further_apart_than_a_float_can_tell() -> None:
    values = np.array([-1.7e308, 1.7e308])
    found = percentiles(lambda: [values], values.dtype, (0, 100))
    assert found is not None
    assert not np.isfinite(found).all()
