"""Place and scale of the denoised image beside the noisy one."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.metrics.alignment import alignment
from noise2detail.types import Pixels

WHOLE = np.ones((128, 160), dtype=bool)


def scene() -> Pixels:
    found: Pixels = 100 + 400 * gaussian_filter(np.random.default_rng(2).standard_normal((128, 160)), 2)
    return found


def noisy() -> Pixels:
    found: Pixels = scene() + 20 * np.random.default_rng(0).standard_normal((128, 160))
    return found


def test_the_truth_lies_where_the_noisy_image_lies() -> None:
    found = alignment(noisy(), scene(), WHOLE)
    assert found is not None
    assert found.shift == (0, 0)
    assert found.gain == 1
    assert found.slope == pytest.approx(1, abs=0.05)
    assert found.correlation > 0.95
    assert abs(found.difference) < 1


@pytest.mark.parametrize("shift", [(1, 0), (-3, 5), (0, -16)])
def test_a_shift_is_measured(shift: tuple[int, int]) -> None:
    found = alignment(noisy(), np.roll(scene(), shift, (0, 1)), WHOLE)
    assert found is not None
    assert found.shift == shift
    assert found.gain > 1.03
    assert found.shift_score > 8


def test_another_scale_is_measured() -> None:
    found = alignment(noisy(), scene() / 255 + 7, WHOLE)
    assert found is not None
    assert found.slope == pytest.approx(1 / 255, rel=0.05)
    assert found.offset == pytest.approx(7, abs=0.1)


def test_nothing_can_be_compared_where_nothing_varies_or_nothing_is_data() -> None:
    assert alignment(noisy(), np.zeros((128, 160)), WHOLE) is None
    assert alignment(noisy(), scene(), np.zeros((128, 160), dtype=bool)) is None
