"""Brightness kept, level by level: a gain that was planted is measured."""

import math

import numpy as np
import pytest

from noise2detail.metrics.levels import Level, brightness_kept, overall_gain
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


def levels(denoised: Pixels, seed: int = 0) -> tuple[Level, ...]:
    return brightness_kept(standardised(noisy(seed), denoised, MODEL), denoised, MODEL)


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_keeps_its_brightness_at_every_level(seed: int) -> None:
    found = levels(clean(), seed)
    assert len(found) >= 8
    assert all(abs(one.score) < 4.5 for one in found)
    overall = overall_gain(found)
    assert overall is not None
    assert abs(overall[0]) < 4 * overall[1] < 0.004


def test_a_gain_of_everything_is_measured_at_every_level() -> None:
    found = levels(100 + 1.02 * (clean() - 100))
    for one in found:
        assert one.gain == pytest.approx(0.02 / 1.02, abs=5 * one.error)
    overall = overall_gain(found)
    assert overall is not None
    assert overall[0] == pytest.approx(0.02 / 1.02, abs=0.003)


def test_a_gain_of_one_level_is_found_there_alone() -> None:
    brighter = np.where(clean() == 950, 967.0, clean())
    off = [one for one in levels(brighter) if abs(one.score) > 5]
    assert off
    assert all(abs(one.level - 967) < 20 for one in off)
    assert off[0].gain == pytest.approx(0.02, abs=0.005)


def test_noise_that_was_left_in_is_no_shift_of_brightness() -> None:
    """Sorted by its own values, what is left of the noise would give every plateau a slope."""
    found = levels(clean() + 0.1 * (noisy() - clean()))
    assert max(abs(one.gain) for one in found if math.isfinite(one.gain)) < 0.02


def test_nothing_is_said_of_what_is_hardly_above_black() -> None:
    dim = np.full((64, 64), 101.0)
    seen = 101 + 5 * np.random.default_rng(0).standard_normal(dim.shape)
    found = brightness_kept(standardised(seen, dim, MODEL), dim, MODEL)
    assert all(math.isnan(one.gain) for one in found)
    assert overall_gain(found) is None
    assert overall_gain(()) is None


def test_too_few_pixels_make_no_level() -> None:
    assert brightness_kept(standardised(noisy()[:16, :16], clean()[:16, :16], MODEL), clean()[:16, :16], MODEL) == ()


def test_shared_noise_makes_levels_less_certain() -> None:
    residual = standardised(noisy(), clean(), MODEL)
    plain, doubted = (brightness_kept(residual, clean(), MODEL, doubt) for doubt in (1.0, 4.0))
    assert doubted[-1].error == pytest.approx(2 * plain[-1].error)
