import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.errors import InputError
from noise2detail.metrics.blind import residual_test
from noise2detail.noise.measure import Uncertainty
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

GAUSSIAN = NoiseModel(sigma=5.0)
POISSON = NoiseModel(gain=2.0, pedestal=10.0, sigma=3.0)
MODELS = [pytest.param(GAUSSIAN, id="gaussian"), pytest.param(POISSON, id="poisson")]


def clean() -> Pixels:
    y, x = np.mgrid[:128, :128]
    image: Pixels = 100 + 60 * np.sin(y / 3) * np.cos(x / 4) + 20 * (x > 64)
    return image


def noisy(model: NoiseModel, seed: int = 0, image: Pixels | None = None) -> Pixels:
    rng = np.random.default_rng(seed)
    truth = clean() if image is None else image
    photons = rng.poisson((truth - model.pedestal) / model.gain) * model.gain + model.pedestal if model.gain else truth
    result: Pixels = photons + model.sigma * rng.standard_normal(truth.shape)
    return result


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(4))
def test_the_truth_passes(model: NoiseModel, seed: int) -> None:
    test = residual_test(noisy(model, seed), clean(), model)
    assert test.passed, test.verdict
    assert test.variance_ratio == pytest.approx(1, abs=0.05)
    assert abs(test.variance_score) < 5  # Poisson counts have longer tails than the normal values of the standard error
    assert abs(test.correlation_score) < 4
    assert test.share == 1
    assert len(test.bins) == 16
    assert sum(one.pixels for one in test.bins) == 128**2


@pytest.mark.parametrize("model", MODELS)
def test_the_identity_left_everything_in(model: NoiseModel) -> None:
    image = noisy(model)
    test = residual_test(image, image, model)
    assert test.variance_ratio == 0
    assert not test.passed
    assert test.verdict == "noise was left in: the residual has 0.00 times the variance of the noise"


@pytest.mark.parametrize("model", MODELS)
def test_a_strong_blur_took_structure(model: NoiseModel) -> None:
    test = residual_test(noisy(model), gaussian_filter(noisy(model), 3), model)
    assert test.variance_ratio > 1.3
    assert min(test.correlation_y, test.correlation_x) > 0.3
    assert "more than noise was taken away" in test.verdict
    assert "structure was taken away" in test.verdict


def test_half_of_the_noise_is_a_quarter_of_its_variance() -> None:
    image = noisy(GAUSSIAN)
    assert residual_test(image, (image + clean()) / 2, GAUSSIAN).variance_ratio == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("shift", "word"), [(2.5, "too bright"), (-2.5, "too dark")], ids=["up", "down"])
def test_a_shift_of_half_a_deviation_in_the_bright_is_found_there(shift: float, word: str) -> None:
    shifted = clean() + shift * (clean() > 140)
    test = residual_test(noisy(GAUSSIAN), shifted, GAUSSIAN)
    assert test.worst is not None
    assert test.worst.level > 140
    assert test.worst.mean == pytest.approx(-shift / 5, abs=0.1)
    assert word in test.verdict


def test_a_model_that_is_wrong_by_a_little_is_forgiven_and_by_much_is_not() -> None:
    assert residual_test(noisy(GAUSSIAN), clean(), NoiseModel(sigma=5.15)).passed
    assert not residual_test(noisy(GAUSSIAN), clean(), NoiseModel(sigma=6.0)).passed


def test_the_gain_is_tested_level_by_level() -> None:
    """Gaussian noise of the same total variance as the Poisson noise: right on average, wrong at every level."""
    mean = float(np.mean(POISSON.gain * (clean() - POISSON.pedestal))) + POISSON.sigma**2
    test = residual_test(noisy(POISSON), clean(), NoiseModel(sigma=math.sqrt(mean)))
    assert test.variance_ratio == pytest.approx(1, abs=0.05)
    assert test.bins[0].variance_ratio < 0.7
    assert test.bins[-1].variance_ratio > 1.3


def test_correlated_noise_is_no_structure_where_it_is_known() -> None:
    white = np.random.default_rng(3).standard_normal((128, 129))
    noise = 5 * (white[:, 1:] + white[:, :-1]) / math.sqrt(2)
    assert "correlate" in residual_test(clean() + noise, clean(), GAUSSIAN).verdict
    test = residual_test(clean() + noise, clean(), GAUSSIAN, correlation=(0.0, 0.5))
    assert test.passed, test.verdict
    assert test.correlation_x == pytest.approx(0, abs=0.03)


def test_levels_with_clipped_noise_are_left_out() -> None:
    model = NoiseModel(sigma=5.0, low=0.0, high=160.0)
    image = np.clip(noisy(GAUSSIAN), 0, 160)
    test = residual_test(image, clean(), model)
    assert test.passed, test.verdict
    assert 0.4 < test.share < 0.95
    assert max(one.level for one in test.bins) < 160 - 12.5
    assert not residual_test(image, clean(), GAUSSIAN).passed


def test_where_every_level_is_clipped_nothing_is_said() -> None:
    test = residual_test(noisy(GAUSSIAN), clean(), NoiseModel(sigma=80.0, low=0.0, high=200.0))
    assert not test.testable
    assert not test.passed
    assert math.isnan(test.variance_ratio)
    assert test.verdict.startswith("no verdict: only 0%")


def test_levels_without_noise_are_left_out() -> None:
    image = np.where(np.arange(128) < 64, 0.0, 50.0) * np.ones((128, 1))
    seen = np.random.default_rng(0).poisson(image).astype(float)
    test = residual_test(seen, image, NoiseModel(gain=1.0))
    assert test.passed, test.verdict
    assert test.share == 0.5
    assert [one.level for one in test.bins] == [50]


def test_gaps_do_not_count() -> None:
    image, mask = noisy(GAUSSIAN), np.ones((128, 128), dtype=bool)
    mask[20:60, 30:90] = False
    spoilt = np.where(mask, image, 1e6)
    assert not residual_test(spoilt, clean(), GAUSSIAN).passed
    test = residual_test(spoilt, clean(), GAUSSIAN, mask=mask)
    assert test.passed, test.verdict
    assert sum(one.pixels for one in test.bins) == np.count_nonzero(mask)
    with pytest.raises(InputError, match="mask"):
        residual_test(image, clean(), GAUSSIAN, mask=mask[1:])


def test_a_small_image_is_not_judged_by_chance() -> None:
    test = residual_test(noisy(GAUSSIAN)[:10, :10], clean()[:10, :10], GAUSSIAN)
    assert len(test.bins) == 1
    assert test.passed, test.verdict
    assert not residual_test(noisy(GAUSSIAN)[:7, :7], clean()[:7, :7], GAUSSIAN).testable


def test_the_variance_of_a_level_is_judged_with_the_doubt_in_the_model() -> None:
    """A model 10 % too weak in its deviation is far off for sure, unless it is known no better than that."""
    weak = NoiseModel(sigma=4.5)
    sure = residual_test(noisy(GAUSSIAN), clean(), weak)
    unsure = residual_test(noisy(GAUSSIAN), clean(), weak, uncertainty=Uncertainty(sigma=0.5))
    assert float(np.median([one.variance_score for one in sure.bins])) > 3
    assert max(abs(one.variance_score) for one in unsure.bins) < 2
    assert [one.variance_ratio for one in unsure.bins] == [one.variance_ratio for one in sure.bins]
    known = residual_test(noisy(GAUSSIAN), clean(), GAUSSIAN)
    assert max(abs(one.variance_score) for one in known.bins) < 4
