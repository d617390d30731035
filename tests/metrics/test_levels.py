"""Brightness kept, level by level: a gain that was planted is measured."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.metrics.levels import Brightness, brightness_kept
from noise2detail.metrics.standardised import standardised
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

MODEL = NoiseModel(gain=2.0, pedestal=100.0, sigma=4.0)


def clean() -> Pixels:
    """Eight plateaus of 64x64 pixels, 50 to 1450 above the pedestal."""
    steps = 150.0 + 200.0 * np.arange(8).reshape(2, 4)
    image: Pixels = np.kron(steps, np.ones((64, 64)))
    return image


def noisy(seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    seen: Pixels = 100 + 2.0 * rng.poisson((clean() - 100) / 2.0) + 4 * rng.standard_normal(clean().shape)
    return seen


def kept(denoised: Pixels, seed: int = 0) -> Brightness:
    found = brightness_kept(standardised(noisy(seed), denoised, MODEL), denoised, MODEL)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_truth_keeps_its_brightness_at_every_level(seed: int) -> None:
    found = kept(clean(), seed)
    assert found.worst is None
    assert abs(found.whole.gain) < 4 * found.whole.error < 0.004
    assert found.whole.pixels == clean().size


def test_a_gain_of_everything_is_measured() -> None:
    found = kept(100 + 1.02 * (clean() - 100))
    assert found.whole.gain == pytest.approx(0.02 / 1.02, abs=4 * found.whole.error)
    assert found.worst is not None


@pytest.mark.parametrize("gain", [-0.02, 0.02])
def test_a_gain_of_one_level_is_found_there(gain: float) -> None:
    found = kept(np.where(clean() == 950, 100 + (1 + gain) * 850, clean()))
    assert found.worst is not None
    assert found.worst.level == pytest.approx(950, abs=100)
    assert found.worst.gain == pytest.approx(gain, abs=0.006)


def test_noise_that_was_left_in_is_no_shift_of_brightness() -> None:
    """Sorted by its own values, what is left of the noise would give every plateau a slope."""
    found = kept(clean() + 0.1 * (noisy() - clean()))
    assert found.worst is None
    assert abs(found.whole.score) < 4


def test_structure_without_flat_places_is_judged_too() -> None:
    rng = np.random.default_rng(5)
    truth = 600 + 150 * gaussian_filter(rng.normal(size=(192, 192)), 2) / 0.14
    seen = truth + rng.normal(0, 20, truth.shape)
    model = NoiseModel(sigma=20.0)
    for gain, level in ((1.0, False), (1.02, True)):
        result = np.where(truth > 600, gain, 1.0) * truth
        found = brightness_kept(standardised(seen, result, model), result, model)
        assert found is not None
        assert (found.worst is not None) == level


def test_nothing_is_said_of_what_is_hardly_above_black() -> None:
    dim = np.full((64, 64), 101.0)
    seen = 101 + 5 * np.random.default_rng(0).standard_normal(dim.shape)
    found = brightness_kept(standardised(seen, dim, MODEL), dim, MODEL)
    assert found is not None
    assert math.isnan(found.whole.gain)
    assert found.worst is None


def test_too_few_pixels_say_nothing() -> None:
    assert brightness_kept(standardised(noisy()[:16, :16], clean()[:16, :16], MODEL), clean()[:16, :16], MODEL) is None


def test_shared_noise_makes_levels_less_certain() -> None:
    residual = standardised(noisy(), clean(), MODEL)
    plain, doubted = (brightness_kept(residual, clean(), MODEL, doubt) for doubt in (1.0, 4.0))
    assert plain is not None
    assert doubted is not None
    assert doubted.whole.error == pytest.approx(2 * plain.whole.error)
    assert doubted.worst is None


def test_noise_that_was_left_in_near_clipping_is_no_shift_of_brightness() -> None:
    """Pixels chosen by their own distance from 0 are those in which bright noise was left."""
    rng = np.random.default_rng(2)
    truth = 55 + 10 * gaussian_filter(rng.normal(size=(256, 256)), 3) / 0.09
    model = NoiseModel(sigma=20.0, low=0.0)
    seen = np.clip(truth + rng.normal(0, 20, truth.shape), 0, None)
    left = gaussian_filter(seen - truth, 1)
    found = brightness_kept(standardised(seen, truth + left, model), truth + left, model)
    assert found is None or (found.worst is None and not abs(found.whole.gain) > 0.02)


def test_pixels_that_are_no_data_take_no_part() -> None:
    mask = np.ones(clean().shape, bool)
    mask[:40] = False
    wrong = np.where(mask, clean(), 5000.0)
    found = brightness_kept(standardised(noisy(), wrong, MODEL, mask), wrong, MODEL)
    assert found is not None
    assert found.worst is None
    assert found.whole.pixels == np.count_nonzero(mask)
