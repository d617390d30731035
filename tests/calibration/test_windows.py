"""Windows are few, show what there is, and hold data."""

import numpy as np
import pytest

from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.windows import Effort, choose_samples

EFFORT = Effort(16, 4)


def everywhere(plane: Plane) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.ones(plane.shape, bool)


@pytest.mark.parametrize("shape", [(8, 8), (32, 32), (9, 100)], ids=str)
def test_a_small_image_is_taken_whole(shape: tuple[int, int]) -> None:
    plane = np.arange(float(np.prod(shape))).reshape(shape)
    (sample,) = choose_samples([plane], [everywhere(plane)], EFFORT, "mean")
    np.testing.assert_array_equal(sample.noisy, plane)


@pytest.mark.parametrize("shape", [(64, 64), (33, 47), (8, 300), (300, 9)], ids=str)
def test_of_a_large_image_so_many_pixels_at_most(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).normal(size=shape)
    samples = choose_samples([plane], [everywhere(plane)], EFFORT, "noisy")
    assert 0 < sum(sample.noisy.size for sample in samples) <= EFFORT.pixels
    assert all(np.isin(sample.noisy, plane).all() for sample in samples)
    assert len({sample.noisy.tobytes() for sample in samples}) == len(samples) >= 2
    assert all(sample.filling == "noisy" for sample in samples)


def test_busy_and_flat_windows_in_the_shares_that_they_have() -> None:
    """Half of the windows of an image are flat: so are half of those that are chosen."""
    strength = np.where(np.arange(64) < 32, 0.1, 10.0)[:, None]
    plane = strength * np.random.default_rng(1).normal(size=(64, 64))
    samples = choose_samples([plane], [everywhere(plane)], EFFORT, "mean")
    assert sorted(sample.noisy.std() > 1 for sample in samples) == [False, False, True, True]


def test_windows_without_data_are_left_out() -> None:
    plane = np.random.default_rng(2).normal(size=(64, 64))
    valid = np.zeros((64, 64), bool)
    valid[:32, :32] = True
    samples = choose_samples([plane], [valid], EFFORT, "mean")
    assert len(samples) == 4
    assert all(sample.valid.all() for sample in samples)
    assert choose_samples([plane], [valid & False], EFFORT, "mean") == ()


def test_scattered_data_is_better_than_none() -> None:
    plane = np.random.default_rng(3).normal(size=(64, 64))
    valid = np.zeros((64, 64), bool)
    valid[::5, ::5] = True
    assert len(choose_samples([plane], [valid], EFFORT, "mean")) == 4


def test_every_image_of_a_series_can_be_chosen_from() -> None:
    planes = [np.full((16, 16), float(number)) for number in range(8)]
    samples = choose_samples(planes, [everywhere(plane) for plane in planes], EFFORT, "mean")
    assert [sample.noisy[0, 0] for sample in samples] == [1.0, 3.0, 5.0, 7.0]
