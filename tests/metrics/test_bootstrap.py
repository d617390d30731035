import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate, gaussian_filter

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.bootstrap import Bootstrap, FreshNoise, Spread, bootstrap, repeatability
from noise2detail.noise.measure import Measurement, Uncertainty
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.unit_noise import UnitNoise
from noise2detail.types import Pixels

KERNEL = np.outer([1, 2, 1], [1, 2, 1]) / 16
SHARE = math.sqrt(float(np.sum(KERNEL**2)))
"""Standard deviation that the filter leaves of white noise of deviation 1."""

FLOAT = np.dtype(np.float64)


def blur(image: Pixels) -> Pixels:
    found: Pixels = correlate(image.astype(float), KERNEL, mode="wrap")
    return found


def flat(level: float, side: int = 48) -> Pixels:
    return np.full((side, side), level)


def rms(values: Pixels) -> float:
    return float(np.sqrt(np.mean(values**2)))


def test_of_a_linear_filter_it_is_known_exactly() -> None:
    """Every pixel has the same deviation, known from the kernel; each estimate of it errs by 1 / sqrt(2 (n - 1))."""
    found = bootstrap(flat(100), blur, FreshNoise(NoiseModel(sigma=5.0)), draws=40)
    expected = 5 * SHARE
    assert rms(found.deviation) == pytest.approx(expected, rel=0.02)
    assert found.deviation.std() == pytest.approx(expected / math.sqrt(2 * 39), rel=0.15)
    assert rms(found.shift) == pytest.approx(expected / math.sqrt(40), rel=0.1)  # chance alone
    assert rms(found.error) == pytest.approx(expected, rel=0.03)


def test_structure_that_a_filter_loses_is_a_shift() -> None:
    wave = 100 + 50 * np.sin(2 * np.pi * np.arange(48) / 6) * np.ones((48, 1))
    lost = blur(wave) - wave
    found = bootstrap(wave, blur, FreshNoise(NoiseModel(sigma=5.0)), draws=40)
    np.testing.assert_allclose(found.shift, lost, atol=5 * 5 * SHARE / math.sqrt(40))
    assert rms(found.deviation) == pytest.approx(5 * SHARE, rel=0.02)
    assert rms(found.error) == pytest.approx(math.hypot(rms(lost), 5 * SHARE), rel=0.02)


def test_counted_photons_have_the_deviation_of_their_level() -> None:
    model = NoiseModel(gain=2.0, pedestal=10.0, sigma=3.0)
    image = np.where(np.arange(48) < 24, 30.0, 400.0) * np.ones((48, 1))
    found = bootstrap(image, blur, FreshNoise(model), draws=60)
    for columns, level in ((slice(3, 21), 30.0), (slice(27, 45), 400.0)):
        expected = SHARE * math.sqrt(2 * (level - 10) + 9)
        assert rms(found.deviation[:, columns]) == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("level", [60.0, 250.0, 1500.0])
def test_the_slope_of_a_stabilising_transform_is_in_it(level: float) -> None:
    """Between transform and inverse every level has the deviation of the filter, 3/8; in image units the inverse
    stretches it by its slope, which is the deviation of the noise at that level."""
    model = NoiseModel(gain=2.0, pedestal=10.0, sigma=3.0)
    unit = UnitNoise(model, 2000.0, latent=False)
    within: list[float] = []

    def again(noisy: Pixels) -> Pixels:
        alike = blur(unit.forward(torch.from_numpy(noisy)).numpy())
        within.append(float(alike.std()))
        found: Pixels = unit.back(torch.from_numpy(alike)).numpy()
        return found

    found = bootstrap(flat(level), again, FreshNoise(model), draws=40)
    assert np.mean(within) == pytest.approx(SHARE, rel=0.03)  # alike at every level: says nothing of the image
    assert rms(found.deviation) == pytest.approx(SHARE * math.sqrt(2 * (level - 10) + 9), rel=0.04)


def test_noise_that_neighbours_share_is_drawn_so() -> None:
    table = np.outer([0.25, 0.5, 1, 0.5, 0.25], [0.0, 0.4, 1, 0.4, 0.0])
    noise = FreshNoise(NoiseModel(sigma=4.0), table)
    drawn = np.stack([noise.draw(flat(50, 64), np.random.default_rng(n)) for n in range(20)]) - 50
    assert drawn.std() == pytest.approx(4, rel=0.02)
    for lag, axis, expected in ((1, 1, 0.5), (2, 1, 0.25), (1, 2, 0.4), (2, 2, 0.0)):
        assert float(np.mean(drawn * np.roll(drawn, lag, axis))) / 16 == pytest.approx(expected, abs=0.03)
    found = bootstrap(flat(50), blur, noise, draws=30)
    spread = np.array([1, 2, 1]) / 4
    rows, columns = (np.outer(spread, spread) * [[r[abs(i - j)] for j in range(3)] for i in range(3)]
                     for r in ([1, 0.5, 0.25], [1, 0.4, 0.0]))  # fmt: skip
    assert rms(found.deviation) == pytest.approx(4 * math.sqrt(rows.sum() * columns.sum()), rel=0.04)


def test_only_a_colour_that_is_known_is_drawn() -> None:
    table = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5])
    sure, unsure = (
        Measurement(NoiseModel(sigma=2.0), table, Uncertainty(correlation=(e, e))) for e in (0.01, math.inf)
    )
    assert FreshNoise.measured(sure, "captured", FLOAT).autocorrelation is table
    assert FreshNoise.measured(unsure, "captured", FLOAT).autocorrelation is None


def test_whole_numbers_are_drawn_for_an_image_of_them() -> None:
    noise = FreshNoise(NoiseModel(sigma=1.0), dtype=np.dtype(np.uint8))
    drawn = np.stack([noise.draw(flat(100.4), np.random.default_rng(n)) for n in range(10)])
    assert drawn.dtype == np.uint8
    assert drawn.mean() == pytest.approx(100.4, abs=0.03)
    assert drawn.astype(float).std() == pytest.approx(1.0, abs=0.02)  # rounding is part of what was measured
    assert noise.draw(flat(255), np.random.default_rng(0)).max() == 255
    counts = FreshNoise(NoiseModel(gain=1.0), dtype=np.dtype(np.uint16)).draw(flat(3.0, 128), np.random.default_rng(0))
    assert counts.var() == pytest.approx(3.0, rel=0.05)
    assert np.mean(counts == 0) == pytest.approx(math.exp(-3), rel=0.1)


@pytest.mark.parametrize("target", ["latent", "captured"])
def test_clipped_noise_is_drawn_from_the_signal_before(target: str) -> None:
    """A dark level, of which half the noise is cut off: both targets must lead to the same recordings."""
    model, latent = NoiseModel(sigma=10.0, low=0.0), 4.0
    density, below = math.exp(-0.08) / math.sqrt(2 * math.pi), 0.5 * math.erfc(0.4 / math.sqrt(2))
    mean = latent * (1 - below) + 10 * density
    noise = FreshNoise(model, target="latent" if target == "latent" else "captured")
    image = flat(latent if target == "latent" else mean, 128)
    signal = noise.signal(image)
    assert signal[0, 0] == pytest.approx(latent, abs=0.05)
    drawn = noise.draw(signal, np.random.default_rng(0))
    assert drawn.min() == 0
    assert drawn.mean() == pytest.approx(mean, abs=0.3)
    assert np.mean(drawn == 0) == pytest.approx(below, abs=0.02)


def test_a_gain_next_to_nothing_is_drawn_as_well() -> None:
    """Normal noise is sometimes measured as that of very many photons, far above a pedestal."""
    model = NoiseModel(gain=1e-12, pedestal=-3e13, sigma=0.0)
    drawn = FreshNoise(model).draw(flat(50, 128), np.random.default_rng(0))
    assert drawn.std() == pytest.approx(math.sqrt(30), rel=0.03)


def test_draws_differ_and_come_again() -> None:
    noise = FreshNoise(NoiseModel(sigma=2.0))
    seen: list[Pixels] = []

    def keep(noisy: Pixels) -> Pixels:
        seen.append(noisy)
        return noisy

    first = bootstrap(flat(0, 8), keep, noise, draws=3)
    again = bootstrap(flat(0, 8), keep, noise, draws=3)
    other = bootstrap(flat(0, 8), keep, noise, draws=3, seed=1)
    np.testing.assert_array_equal(first.deviation, again.deviation)
    assert not np.array_equal(first.deviation, other.deviation)
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_allclose(first.deviation, np.std(seen[:3], axis=0, ddof=1))
    np.testing.assert_allclose(first.shift, np.mean(seen[:3], axis=0), atol=1e-12)


def test_a_spread_far_from_zero_loses_no_digits() -> None:
    images = 1e9 + np.random.default_rng(0).standard_normal((6, 5, 4))
    spread = Spread((5, 4))
    for image in images:
        spread.add(image)
    np.testing.assert_allclose(spread.deviation, images.std(axis=0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(spread.mean, images.mean(axis=0))


def test_chance_is_taken_off_the_shift() -> None:
    found = Bootstrap(np.full((2, 2), 2.0), np.array([[0.0, 0.5], [1.0, 3.0]]), draws=4)
    np.testing.assert_allclose(found.error, np.sqrt([[4, 4], [4, 12]]))


def test_the_truth_of_a_smooth_image_lies_within() -> None:
    """Where a filter loses nothing, coverage is that of a normal error."""
    y, x = np.mgrid[:96, :96]
    truth = 100 + 20 * np.sin(x / 20) * np.cos(y / 25)
    denoised = gaussian_filter(truth + 8 * np.random.default_rng(5).standard_normal(truth.shape), 1.5)
    found = bootstrap(denoised, lambda noisy: gaussian_filter(noisy, 1.5), FreshNoise(NoiseModel(sigma=8.0)), draws=60)
    missed = np.abs(denoised - truth)
    assert np.mean(missed <= found.deviation) == pytest.approx(0.683, abs=0.05)
    assert np.mean(missed <= 2 * found.deviation) == pytest.approx(0.954, abs=0.03)


def test_repeatability_is_the_spread_over_seeds() -> None:
    shifts = {4: -1.0, 5: 0.0, 6: 1.0}
    found = repeatability(flat(3, 8), lambda seed: lambda noisy: noisy + shifts[seed], range(4, 7))
    np.testing.assert_allclose(found, 1.0)
    assert repeatability(flat(3, 8), lambda seed: blur, range(2)).max() == 0


def test_refusals() -> None:
    noise = FreshNoise(NoiseModel(sigma=1.0))
    with pytest.raises(SettingError, match="at least 2"):
        bootstrap(flat(0, 8), blur, noise, draws=1)
    with pytest.raises(SettingError, match="at least 2"):
        repeatability(flat(0, 8), lambda seed: blur, range(1))
    with pytest.raises(InputError, match="no noise to draw"):
        bootstrap(flat(0, 8), blur, FreshNoise(NoiseModel()))
    with pytest.raises(InputError, match="one plane"):
        bootstrap(np.full((8, 8), np.nan), blur, noise)
