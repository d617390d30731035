import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.brightness import bright_slope
from noise2detail.types import Pixels


def spots(seed: int = 0) -> Pixels:
    """Bright spots of many heights on a dark ground."""
    rng = np.random.default_rng(seed)
    image = np.zeros((128, 128))
    image[tuple(rng.integers(8, 120, (2, 60)))] = rng.uniform(200, 2000, 60)
    blurred: Pixels = gaussian_filter(image, 2.0)
    return 10 + blurred


def test_slope_of_a_line_is_its_own() -> None:
    reference = spots()
    assert bright_slope(reference, reference) == pytest.approx(1)
    assert bright_slope(0.6 * reference + 40, reference) == pytest.approx(0.6)
    assert bright_slope(1.3 * reference - 7, reference, percentile=50) == pytest.approx(1.3)


def test_noise_does_not_change_it() -> None:
    reference = spots()
    rng = np.random.default_rng(1)
    slopes = [bright_slope(reference + 10 * rng.standard_normal(reference.shape), reference) for _ in range(8)]
    assert np.mean(slopes) == pytest.approx(1, abs=0.03)


def test_noise_of_the_reference_changes_it_little() -> None:
    """Pixel by pixel the same noise would cost a third: it is what the regions are for."""
    truth = spots()
    reference = truth + 10 * np.random.default_rng(2).standard_normal(truth.shape)
    bright = reference >= np.percentile(reference, 99)
    by_pixel = np.polyfit(reference[bright], truth[bright], 1)[0]
    assert by_pixel < 0.85
    assert bright_slope(truth, reference) == pytest.approx(1, abs=0.06)


def test_blur_and_clipping_shrink() -> None:
    reference = spots()
    assert bright_slope(gaussian_filter(reference, 3), reference) < 0.7
    assert bright_slope(np.minimum(reference, np.percentile(reference, 99.2)), reference) < 0.8


def test_where_nothing_differs_there_is_no_slope() -> None:
    assert math.isnan(bright_slope(spots(), np.full((128, 128), 0.1)))
    saturated = np.where(np.arange(128) < 64, 0.3, 0.7) * np.ones((128, 1))
    assert math.isnan(bright_slope(spots(), saturated))


def test_8_bit_images_have_enough_levels() -> None:
    reference = np.clip(spots(), 0, 255).astype(np.uint8)
    assert bright_slope(reference, reference) == pytest.approx(1)


def test_refusals() -> None:
    with pytest.raises(SettingError, match="percentile"):
        bright_slope(spots(), spots(), percentile=100)
    with pytest.raises(InputError, match="same shape"):
        bright_slope(spots(), spots()[1:])
