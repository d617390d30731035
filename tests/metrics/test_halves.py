import math
from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.errors import InputError
from noise2detail.metrics.halves import HalfResolution, count_scale, half_resolution, make_halves
from noise2detail.metrics.resolution import ring_correlation, smoothed
from noise2detail.noise.blocks import WHITE
from noise2detail.noise.measure import Measurement, Uncertainty
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels
from tests.metrics.test_decorrelation import points, through_optics

COUNTS = Measurement(NoiseModel(gain=1.0), WHITE)
NORMAL = Measurement(NoiseModel(sigma=10.0), WHITE)


def instead(result: Pixels, half: Pixels) -> Pixels:
    assert result.shape == half.shape
    return result


def same(half: Pixels) -> Pixels:
    return half


def scene(cutoff: float, photons: float = 100.0) -> Pixels:
    image = through_optics(points(256, 0), cutoff)
    found: Pixels = image / image.mean() * photons
    return found


def counted(image: Pixels, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).poisson(image).astype(np.float64)


def with_noise(image: Pixels, sigma: float = 10.0, seed: int = 0) -> Pixels:
    found: Pixels = image + sigma * np.random.default_rng(seed).standard_normal(image.shape)
    return found


@pytest.mark.parametrize("cutoff", [0.1, 0.15, 0.2])
def test_the_cutoff_of_the_optics_is_found_both_ways(cutoff: float) -> None:
    """Photons or pixels, the cutoff is in cycles per pixel of the image itself."""
    thinned = half_resolution(counted(scene(cutoff)), same, COUNTS)
    diagonal = half_resolution(with_noise(scene(cutoff)), same, NORMAL)
    assert (thinned.kind, diagonal.kind) == ("thinned", "diagonal")
    assert thinned.raw_cutoff == pytest.approx(cutoff, rel=0.06)
    assert diagonal.raw_cutoff == pytest.approx(cutoff, rel=0.06)
    assert (thinned.limit, diagonal.limit) == (0.5, 0.25)


@pytest.mark.parametrize("cutoff", [0.15, 0.2])
def test_a_blur_wins_nothing_and_the_truth_does(cutoff: float) -> None:
    image = scene(cutoff, photons=4)
    noisy = counted(image)
    blurred = half_resolution(noisy, lambda half: gaussian_filter(half, 1.0, mode="wrap"), COUNTS)
    perfect = half_resolution(noisy, lambda _: image, COUNTS)
    assert blurred.denoised_cutoff == pytest.approx(blurred.raw_cutoff, abs=0.006)
    assert perfect.denoised_cutoff > blurred.raw_cutoff + 0.006
    assert perfect.denoised_cutoff < 1.05 * cutoff


def test_the_identity_has_the_curve_of_the_raw_halves() -> None:
    found = half_resolution(counted(scene(0.2)), same, COUNTS)
    np.testing.assert_allclose(found.raw, found.denoised)
    assert found.denoised_cutoff == pytest.approx(found.raw_cutoff, abs=0.004)


def test_two_denoised_halves_would_flatter() -> None:
    """What a denoiser puts into every image is in both of its halves, and in none of the raw ones."""
    noisy = counted(scene(0.1, photons=10))
    invented = 20 * np.sin(2 * np.pi * 0.3 * np.arange(256)) * np.sin(2 * np.pi * 0.2 * np.arange(256))[:, None]
    (pair,) = make_halves(noisy, COUNTS)
    denoised = [gaussian_filter(half, 2) + invented for half in (pair.first, pair.second)]
    ring = round(math.hypot(0.3, 0.2) * 256) - 1
    assert ring_correlation(*denoised).correlation[ring] > 0.95
    found = half_resolution(noisy, lambda half: gaussian_filter(half, 2) + invented, COUNTS)
    assert abs(found.denoised[ring]) < 0.2
    assert found.denoised_cutoff < 0.12


def test_the_threshold_is_that_of_the_same_correlation_with_the_truth() -> None:
    """C sqrt(F) with C = sqrt(1/7): where the denoised half correlates with the truth as raw halves at 1/7 do."""
    image = scene(0.2, photons=4)
    found = half_resolution(counted(image), lambda half: gaussian_filter(half, 0.7, mode="wrap"), COUNTS)
    where = int(np.searchsorted(found.frequency, found.denoised_cutoff)) - 1
    assert found.threshold[where] == pytest.approx(math.sqrt(smoothed(found.raw)[where] / 7))
    assert found.truth[where] > math.sqrt(1 / 7)
    assert found.denoised_cutoff == pytest.approx(found.frequency[where], abs=1 / 256)
    (pair,) = make_halves(counted(image), COUNTS)
    direct = smoothed(ring_correlation(gaussian_filter(pair.first, 0.7, mode="wrap"), image).correlation)
    known = np.isfinite(found.truth) & (found.frequency > 0.05)
    assert np.abs(found.truth - direct)[known].mean() < 0.06


def test_unrelated_noise_stays_below_chance() -> None:
    found: list[HalfResolution] = []
    for seed in range(30):
        noise, unrelated = np.random.default_rng(seed).standard_normal((2, 128, 128))
        found.append(half_resolution(10 * noise, partial(instead, unrelated[::2, ::2]), NORMAL))
    curves = np.stack([smoothed(one.denoised) for one in found])[:, 4:-1]
    chance = np.array([min(2 / math.sqrt(3 * 0.264 * 2 * math.pi * ring), 0.5) for ring in range(1, 33)])[4:-1]
    assert np.mean(curves.std(axis=0) / chance) == pytest.approx(0.5, abs=0.08)
    assert max(one.denoised_cutoff for one in found) < 0.06


def test_thinned_halves_are_independent_and_sum_to_the_image() -> None:
    noisy = 100 + 3.0 * np.random.default_rng(0).poisson(8.0, (128, 128))
    (pair,) = make_halves(noisy, Measurement(NoiseModel(gain=3.02, pedestal=100.4), WHITE))
    assert pair.kind == "thinned"
    np.testing.assert_allclose((pair.first + pair.second) / 2, noisy)
    first, second = ((half - 100) / 6 for half in (pair.first, pair.second))
    assert first.mean() == pytest.approx(4, abs=0.08)
    assert first.var() == pytest.approx(4, rel=0.06)
    assert abs(float(np.corrcoef(first.ravel(), second.ravel())[0, 1])) < 0.03


@pytest.mark.parametrize("shape", [(64, 64), (65, 99)], ids=str)
def test_diagonal_halves_are_moved_by_the_half_pixel_between_them(shape: tuple[int, int]) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    for sign in (1, -1):
        image = np.cos(2 * np.pi * (0.11 * x + sign * 0.07 * y))
        plain = []
        for pair in make_halves(image, NORMAL):
            assert pair.sampling == 2
            moved = ring_correlation(pair.first, pair.second, shift=pair.shift)
            ring = int(np.searchsorted(moved.frequency / 2, math.hypot(0.11, 0.07)))
            assert moved.correlation[ring] > 0.97
            plain.append(float(ring_correlation(pair.first, pair.second).correlation[ring]))
        # neighbours along the wave are 0.18 of its period apart, those across it 0.04
        assert sorted(plain) == pytest.approx([math.cos(2 * math.pi * 0.18), math.cos(2 * math.pi * 0.04)], abs=0.05)


def test_only_whole_photons_are_counts() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(5.0, (64, 64)).astype(float)
    assert count_scale(counts, NoiseModel(gain=1.03, pedestal=0.2)) == (1.0, 0.0)
    assert count_scale((counts / 30).astype(np.float32), NoiseModel(gain=1 / 30)) == pytest.approx((1 / 30, 0.0))
    assert count_scale(counts, NoiseModel(gain=1.5)) is None
    assert count_scale(counts, NoiseModel(gain=1.0, sigma=2.0)) is None
    assert count_scale(counts, NoiseModel(sigma=2.0)) is None
    assert count_scale(counts + 0.1 * rng.random((64, 64)), NoiseModel(gain=1.0)) is None
    assert count_scale(counts - 4, NoiseModel(gain=1.0)) is None  # values below what no photon gives


def test_micrometres() -> None:
    found = half_resolution(counted(scene(0.2)), same, COUNTS, pixel_size_um=0.1)
    assert found.resolution_um == pytest.approx((0.1 / found.raw_cutoff, 0.1 / found.denoised_cutoff))
    assert half_resolution(counted(scene(0.2)), same, COUNTS).resolution_um == (None, None)


def test_noise_that_neighbours_share_is_refused() -> None:
    sure = Uncertainty(correlation=(0.001, 0.001))
    wide = Measurement(NoiseModel(sigma=10.0), np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]), sure)
    faint = Measurement(NoiseModel(sigma=10.0), np.array([[0.1, 0.1, 0.1], [0.1, 1, 0.1], [0.1, 0.1, 0.1]]), sure)
    for measurement in (wide, faint):
        with pytest.raises(InputError, match="share noise"):
            half_resolution(with_noise(scene(0.2)), same, measurement)
    lines = Measurement(NoiseModel(sigma=10.0), np.array([[0, 0, 0], [0.2, 1, 0.2], [0, 0, 0.0]]), sure)
    assert half_resolution(with_noise(scene(0.2)), same, lines).kind == "diagonal"


def test_refusals() -> None:
    with pytest.raises(InputError, match="32x32"):
        make_halves(np.zeros((31, 64)), NORMAL)
    with pytest.raises(InputError, match="NaN"):
        make_halves(np.full((64, 64), np.nan), NORMAL)
