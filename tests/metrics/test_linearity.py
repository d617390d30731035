import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.errors import InputError
from noise2detail.metrics.linearity import intensity_linearity, shared_by_region
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

GAUSSIAN = NoiseModel(sigma=20.0)
POISSON = NoiseModel(gain=2.0, pedestal=100.0, sigma=3.0)
MODELS = [pytest.param(GAUSSIAN, id="gaussian"), pytest.param(POISSON, id="poisson")]


def clean() -> Pixels:
    y, x = np.mgrid[:256, :256]
    image: Pixels = 160 + 50 * np.sin(y / 30) * np.cos(x / 40) + 25 * (x > 128)
    return image


def noisy(model: NoiseModel, seed: int, image: Pixels | None = None) -> Pixels:
    rng = np.random.default_rng(seed)
    truth = clean() if image is None else image
    photons = rng.poisson((truth - model.pedestal) / model.gain) * model.gain + model.pedestal if model.gain else truth
    result: Pixels = photons + model.sigma * rng.standard_normal(truth.shape)
    return result


@pytest.mark.parametrize("model", MODELS)
def test_the_truth_has_slope_one_within_its_error(model: NoiseModel) -> None:
    """Over many draws: no bias, and scores that scatter as normal values do."""
    found = [intensity_linearity(noisy(model, seed), clean(), model) for seed in range(40)]
    scores = np.array([(one.slope - 1) / one.slope_error for one in found])
    offsets = np.array([one.offset / one.offset_error for one in found])
    fluxes = np.array([(one.flux - 1) / one.flux_error for one in found])
    for values in (scores, offsets, fluxes):
        assert abs(values.mean()) < 4 / math.sqrt(40)
        assert 0.6 < values.std() < 1.5
    assert max(one.within for one in found) < 0.02
    assert max(abs(one.score) for one in found) < 4


def test_very_strong_noise_does_not_flatten_the_truth() -> None:
    """A line of the means after over those before is flattened by the noise of the latter to less than a half."""
    model, image = NoiseModel(sigma=400.0), clean()
    found = [intensity_linearity(noisy(model, seed), image, model) for seed in range(40)]
    assert np.mean([one.slope for one in found]) == pytest.approx(1, abs=4 * found[0].slope_error / math.sqrt(40))
    before, after = (means(one) for one in (noisy(model, 0), image))
    assert np.polyfit(before, after, 1)[0] < 0.5


def means(image: Pixels) -> Pixels:
    regions: Pixels = image.reshape(32, 8, 32, 8).mean((1, 3)).ravel()
    return regions


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("gain", [0.98, 1.02])
def test_a_gain_of_two_per_cent_is_found(model: NoiseModel, gain: float) -> None:
    changed = model.pedestal + gain * (clean() - model.pedestal)
    test = intensity_linearity(noisy(model, 1), changed, model)
    assert test.slope == pytest.approx(gain, abs=4 * test.slope_error)
    expected = (gain - 1) * (test.pedestal - model.pedestal)
    assert test.offset == pytest.approx(expected, abs=4 * test.offset_error)
    if model.gain:
        assert test.pedestal == model.pedestal
        assert test.flux == pytest.approx(gain, abs=4 * test.flux_error)
    assert abs(test.score) > 4
    assert test.within > 0.02 - 4 * test.slope_error


@pytest.mark.parametrize("model", MODELS)
def test_an_offset_is_found_and_is_no_slope(model: NoiseModel) -> None:
    test = intensity_linearity(noisy(model, 2), clean() + 5, model)
    assert test.offset == pytest.approx(5, abs=4 * test.offset_error)
    assert test.offset > 4 * test.offset_error
    assert test.slope == pytest.approx(1, abs=4 * test.slope_error)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_a_blur_stays_within_what_the_choice_of_regions_may_do(sigma: float) -> None:
    """White noise on a picture with nothing that a blur could harm: what is left is the choice of regions alone."""
    image = 100 + np.linspace(0, 40, 256) * np.ones((256, 1))
    model = NoiseModel(sigma=60.0)
    for seed in range(4):
        seen = noisy(model, seed, image)
        test = intensity_linearity(seen, gaussian_filter(seen, sigma), model)
        assert abs(test.slope - 1) < test.selection
        assert test.score == 0


def test_a_pedestal_that_nothing_tells_is_the_dark_of_the_image() -> None:
    image, model = clean(), NoiseModel(gain=0.001, pedestal=-3e5, sigma=20.0)
    test = intensity_linearity(noisy(GAUSSIAN, 0), image, model)
    assert image.min() < test.pedestal < np.median(image)
    assert math.isnan(test.levels[0].flux)
    assert test.flux_error > 1e-4


def test_the_identity_changes_nothing() -> None:
    image = noisy(POISSON, 0)
    test = intensity_linearity(image, image, POISSON)
    assert (test.slope, test.offset, test.flux) == pytest.approx((1, 0, 1), abs=1e-9)
    assert test.score == 0


def test_a_change_of_the_bright_alone_shows_in_its_levels() -> None:
    image = clean()
    spoilt = np.where(image > 210, POISSON.pedestal + 0.95 * (image - POISSON.pedestal), image)
    levels = intensity_linearity(noisy(POISSON, 3), spoilt, POISSON).levels
    assert levels[0].flux == pytest.approx(1, abs=4 * levels[0].flux_error)
    assert levels[-1].flux == pytest.approx(0.95, abs=4 * levels[-1].flux_error)
    assert levels[-1].flux < 1 - 4 * levels[-1].flux_error
    assert [one.after for one in levels] == sorted(one.after for one in levels)
    assert sum(one.pixels for one in levels) == 256**2


def test_a_latent_image_is_compared_as_the_camera_would_have_seen_it() -> None:
    """Noise cut off at 0 brightens the dark: the latent truth would seem to have lost intensity there."""
    image = np.linspace(-5, 60, 256) * np.ones((256, 1))
    model = NoiseModel(sigma=20.0, low=0.0)
    seen = np.maximum(noisy(NoiseModel(sigma=20.0), 4, image), 0)
    right = intensity_linearity(seen, image, model, target="latent")
    wrong = intensity_linearity(seen, image, model, target="captured")
    assert right.slope == pytest.approx(1, abs=4 * right.slope_error)
    assert right.offset == pytest.approx(0, abs=4 * right.offset_error)
    assert abs(wrong.score) > 10


def test_noise_that_neighbours_share_has_larger_errors() -> None:
    root = gaussian_filter(np.random.default_rng(0).standard_normal((256, 256)), 1.0, mode="wrap")
    spread = gaussian_filter(np.eye(1, 81, 40), 1.0, axes=1)[0]
    autocorrelation = np.correlate(spread, spread, "full")[80 - 8 : 80 + 9]
    table = np.outer(autocorrelation, autocorrelation) / autocorrelation.max() ** 2
    noise = 20 * root / root.std()
    scores = []
    for turn in range(12):
        seen = clean() + np.roll(noise, (20 * turn, 31 * turn), (0, 1))
        own = intensity_linearity(seen, clean(), GAUSSIAN, autocorrelation=table)
        assert own.slope_error > 2 * intensity_linearity(seen, clean(), GAUSSIAN).slope_error
        scores.append((own.slope - 1) / own.slope_error)
    assert max(map(abs, scores)) < 4
    assert shared_by_region(table) == pytest.approx(64 * means(noise).var() / 400, rel=0.1)
    assert shared_by_region(None) == shared_by_region(np.ones((1, 1))) == 1


def test_gaps_do_not_count() -> None:
    mask = np.ones((256, 256), dtype=bool)
    mask[40:90, 30:90] = False
    spoilt = np.where(mask, noisy(POISSON, 0), 1e6)
    test = intensity_linearity(spoilt, clean(), POISSON, mask=mask)
    assert test.slope == pytest.approx(1, abs=4 * test.slope_error)
    assert sum(one.pixels for one in test.levels) < np.count_nonzero(mask)
    with pytest.raises(InputError, match="mask"):
        intensity_linearity(spoilt, clean(), POISSON, mask=mask[1:])


@pytest.mark.parametrize("image", [np.full((64, 64), 3.0), np.zeros((7, 90))], ids=["flat", "too small"])
def test_nothing_is_said_without_two_levels(image: Pixels) -> None:
    test = intensity_linearity(image + 0.0, image, GAUSSIAN)
    assert not test.testable
    assert test.said.startswith("no verdict")


def test_words_and_an_image_without_noise() -> None:
    quiet = intensity_linearity(clean(), 0.5 * clean(), NoiseModel())
    assert quiet.slope == pytest.approx(0.5)
    assert quiet.score == 0
    test = intensity_linearity(noisy(POISSON, 5), clean(), POISSON)
    assert test.said.startswith(f"intensities kept within {test.within:.1%}: slope ")
    upside_down = intensity_linearity(noisy(POISSON, 5), 400 - clean(), POISSON)
    assert not upside_down.testable
