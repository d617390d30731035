"""Arrays in pieces."""

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from noise2detail.pipeline import chunks as module
from noise2detail.pipeline.chunks import chunks, finite_chunks


def test_doctest() -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


@given(shape=st.lists(st.integers(1, 9), min_size=1, max_size=4), most=st.integers(1, 60), turned=st.booleans())
def test_every_pixel_is_seen_once_and_nothing_is_copied(shape: list[int], most: int, turned: bool) -> None:
    array: NDArray[Any] = np.arange(np.prod(shape)).reshape(shape)
    array = array.T if turned else array
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", most)
        pieces = list(chunks(array))
    assert all(piece.size <= most and np.shares_memory(piece, array) for piece in pieces)
    assert sorted(np.concatenate([piece.reshape(-1) for piece in pieces]).tolist()) == list(range(array.size))


def test_only_numbers_of_floats_and_all_integers() -> None:
    values = np.array([[1.0, np.nan, 2.0], [np.inf, -np.inf, 3.0]])
    assert np.concatenate(list(finite_chunks(values)), axis=None).tolist() == [1, 2, 3]
    assert [piece.tolist() for piece in finite_chunks(np.array([[1, 2]]))] == [[[1, 2]]]
