"""Padding against NumPy's, and cutting back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.numerics.padding import cut_centre, pad_reflect, pad_to_multiple, reflected, reflected_indices
from tests.material import noisy_batch


@given(y=st.integers(3, 12), x=st.integers(3, 12))
def test_reflection_equals_numpy(y: int, x: int) -> None:
    image = noisy_batch(2, 2, y, x)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    np.testing.assert_array_equal(pad_reflect(image, 2).numpy(), expected)


@pytest.mark.parametrize(
    ("y", "x", "modes"), [(2, 5, ("edge", "reflect")), (5, 1, ("reflect", "edge")), (1, 2, ("edge", "edge"))]
)
def test_a_side_too_short_to_reflect_repeats_its_border(y: int, x: int, modes: tuple[str, str]) -> None:
    image = noisy_batch(1, 1, y, x)
    rows = np.pad(image.numpy(), ((0, 0), (0, 0), (2, 2), (0, 0)), mode=modes[0])  # type: ignore[call-overload]
    both = np.pad(rows, ((0, 0), (0, 0), (0, 0), (2, 2)), mode=modes[1])  # type: ignore[call-overload]
    np.testing.assert_array_equal(pad_reflect(image, 2).numpy(), both)


@given(y=st.integers(1, 13), x=st.integers(1, 13), divisor=st.sampled_from([1, 2, 4, 8]))
def test_padding_to_a_multiple_reflects_at_bottom_and_right(y: int, x: int, divisor: int) -> None:
    image = noisy_batch(1, 2, y, x)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (0, -y % divisor), (0, -x % divisor)), mode="reflect")
    found = pad_to_multiple(image, divisor)
    np.testing.assert_array_equal(found.numpy(), expected)
    assert torch.equal(found[..., :y, :x], image)


@given(size=st.integers(1, 9), wanted=st.integers(1, 50))
def test_folded_indices_equal_numpy(size: int, wanted: int) -> None:
    expected = np.pad(np.arange(size), (0, max(0, wanted - size)), mode="reflect")[:wanted]
    assert reflected_indices(size, wanted).tolist() == expected.tolist()


@given(size=st.integers(1, 9), before=st.integers(0, 30), after=st.integers(0, 30))
def test_indices_on_both_sides_equal_numpy(size: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(size), (before, after), mode="reflect")
    assert reflected(torch.arange(-before, size + after), torch.tensor(size)).tolist() == expected.tolist()


@given(margin=st.integers(0, 4), y=st.integers(3, 9), x=st.integers(3, 9))
def test_cutting_undoes_padding(margin: int, y: int, x: int) -> None:
    image = noisy_batch(1, 1, y, x)
    assert torch.equal(cut_centre(pad_reflect(image, min(margin, 2)), y, x), image)
