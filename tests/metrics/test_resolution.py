import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.resolution import (
    AGAINST_REFERENCE,
    HALVES,
    RingCorrelation,
    frc_cutoff,
    high_band_snr,
    ring_correlation,
)
from noise2detail.types import Pixels


def natural(shape: tuple[int, int] = (128, 128), seed: int = 0) -> Pixels:
    """An image whose amplitude falls with frequency, as that of pictures does."""
    spectrum = np.fft.fft2(np.random.default_rng(seed).standard_normal(shape))
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
    image: Pixels = np.real(np.fft.ifft2(spectrum / (0.02 + radius)))
    image /= image.std()
    return image


def noise(shape: tuple[int, int] = (128, 128), seed: int = 9) -> Pixels:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("shape", [(128, 128), (61, 96)], ids=str)
def test_an_image_agrees_with_itself_up_to_the_pixels(shape: tuple[int, int]) -> None:
    curve = ring_correlation(natural(shape), natural(shape))
    assert np.allclose(curve.correlation, 1)
    assert curve.cutoff() == 0.5
    assert curve.frequency[0] == pytest.approx(1 / min(shape))
    assert curve.frequency[-1] <= 0.5
    assert high_band_snr(natural(shape), natural(shape)) == math.inf


def test_gain_and_offset_do_not_count_as_resolution() -> None:
    image, seen = natural(), natural() + noise()
    assert np.allclose(ring_correlation(3 * seen + 7, image).correlation, ring_correlation(seen, image).correlation)
    assert np.allclose(ring_correlation(-image, image).correlation, -1)


def test_unrelated_images_do_not_correlate() -> None:
    curve = ring_correlation(noise(seed=1), noise(seed=2))
    assert abs(float(curve.correlation[16:].mean())) < 0.03  # rings further in hold too few values
    assert curve.cutoff() < 0.05


def test_correlation_is_what_the_two_powers_say() -> None:
    """Expected value for a reference without noise: the root of signal over signal plus noise."""
    image, level = natural((256, 256)), 0.7
    curve = ring_correlation(image + level * noise((256, 256)), image)
    radius = np.rint(np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)) * 256).astype(int)
    power = np.abs(np.fft.fft2(image)) ** 2
    signal = np.array([power[radius == ring].mean() for ring in range(1, 129)])
    expected = np.sqrt(signal / (signal + level**2 * 256**2))
    assert np.abs(curve.correlation - expected)[20:].max() < 0.12
    assert np.abs(curve.correlation - expected)[20:].mean() < 0.02


def test_a_blur_wins_nothing() -> None:
    image = natural()
    noisy = image + 0.7 * noise()
    blurred = gaussian_filter(noisy, 0.8, mode="wrap")
    assert float(np.mean((blurred - image) ** 2)) < 0.65 * float(np.mean((noisy - image) ** 2))  # by PSNR it wins
    assert frc_cutoff(blurred, image) == pytest.approx(frc_cutoff(noisy, image), abs=0.02)
    assert high_band_snr(gaussian_filter(noisy, 4), image) == pytest.approx(0, abs=0.05)


def test_an_empty_result_has_no_decibels() -> None:
    assert high_band_snr(np.zeros((64, 64)), natural((64, 64))) == pytest.approx(0, abs=1e-9)
    flat = ring_correlation(np.ones((64, 64)), natural((64, 64)))
    assert flat.cutoff() == 0
    assert high_band_snr(natural((64, 64)), np.ones((64, 64))) == -math.inf


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_high_band_is_the_ratio_of_the_powers(share: float) -> None:
    image = natural()
    assert high_band_snr((1 - share) * image, image) == pytest.approx(-20 * math.log10(share))


def test_high_band_does_not_see_what_is_below_it() -> None:
    image = natural()
    slow = np.sin(2 * np.pi * 8 * np.arange(128) / 128)
    quick = np.sin(2 * np.pi * 48 * np.arange(128) / 128)
    assert high_band_snr(image + slow, image) > 60
    assert high_band_snr(image + quick, image) < 0
    assert high_band_snr(image + slow, image, lowest=0.0) < 10


def test_cutoff_is_interpolated() -> None:
    frequency = np.arange(1, 51) / 100
    line = RingCorrelation(frequency, 1 - 2 * frequency)
    assert line.cutoff() == pytest.approx(0.25)
    assert line.cutoff(HALVES) == pytest.approx((1 - 1 / 7) / 2)
    assert RingCorrelation(frequency, np.full(50, 0.6)).cutoff() == 0.5


def test_both_thresholds_mean_the_same_signal_to_noise_ratio() -> None:
    assert math.sqrt(2 * HALVES / (1 + HALVES)) == pytest.approx(AGAINST_REFERENCE)


def test_noise_that_a_mean_of_captures_shares_is_no_resolution() -> None:
    """The reference of 50 captures holds the noisy one: their noise alone correlates by the root of 1/50."""
    truth = gaussian_filter(natural((256, 256)), 2)  # nothing above 0.25 cycles per pixel
    captures = truth + 0.5 * np.random.default_rng(4).standard_normal((50, 256, 256))
    curve = ring_correlation(captures[0], captures.mean(axis=0))
    assert float(curve.correlation[curve.frequency > 0.3].mean()) == pytest.approx(1 / math.sqrt(50), abs=0.02)
    assert curve.cutoff() < 0.15
    assert abs(curve.cutoff() - frc_cutoff(captures[0], truth)) < 0.01


def test_one_ring_of_few_pixels_does_not_decide() -> None:
    frequency = np.arange(1, 51) / 100
    correlation = np.where(np.arange(50) == 4, -0.2, 0.9)
    assert RingCorrelation(frequency, correlation).cutoff() == 0.5


def test_refusals() -> None:
    with pytest.raises(InputError, match="16x16"):
        ring_correlation(np.zeros((15, 40)), np.zeros((15, 40)))
    with pytest.raises(InputError, match="one plane"):
        high_band_snr(np.zeros((2, 32, 32)), np.zeros((2, 32, 32)))
    with pytest.raises(SettingError, match="lowest"):
        high_band_snr(natural(), natural(), lowest=0.5)
