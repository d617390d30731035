"""Gaps filled in squares, against the whole image at once."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from noise2detail.pipeline.gaps import BLOCK, FAR_ENOUGH, fill_gaps


def masks() -> dict[str, NDArray[np.bool_]]:
    """True where a pixel is data."""
    random = np.random.default_rng(0)
    hole = np.ones((300, 540), bool)
    hole[40:230, 30:500] = False
    corner = np.zeros((300, 540), bool)
    corner[:3, :3] = True
    return {
        "single pixels": random.random((300, 540)) > 0.3,
        "few data": random.random((300, 540)) > 0.9995,
        "hole": hole,
        "corner": corner,
        "small": random.random((9, 11)) > 0.5,
        "none": np.zeros((20, 300), bool),
    }


@pytest.mark.parametrize("name", masks())
def test_the_nearest_data_or_nothing_far_from_any(name: str) -> None:
    valid = masks()[name]
    original = np.arange(1, valid.size + 1, dtype=np.float32).reshape(valid.shape)  # a value tells its place
    image = original.copy()
    fill_gaps(image, valid)
    np.testing.assert_array_equal(image[valid], original[valid])
    if not valid.any():
        assert not image.any()
        return
    distance = distance_transform_edt(~valid)
    near = distance <= FAR_ENOUGH
    assert not image[~near].any()
    # of several that are nearest any will do, so it is their distance that counts
    source = image[near].astype(int) - 1
    assert valid.reshape(-1)[source].all()
    place, came_from = (np.stack(np.unravel_index(at, valid.shape)) for at in (np.flatnonzero(near), source))
    np.testing.assert_allclose(np.hypot(*(place - came_from)), distance[near])


def test_the_cases_hold_more_than_one_square_and_far_pixels() -> None:
    assert min(masks()["hole"].shape) > BLOCK
    assert (distance_transform_edt(~masks()["hole"]) > FAR_ENOUGH).any()
