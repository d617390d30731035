"""Structure in the residual: planted at a known place, it is found there; noise alone shows none."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.metrics.standardised import Standardised, standardised
from noise2detail.metrics.structure import (
    ENOUGH,
    SCALES,
    _below_others,
    added_map,
    band_loss,
    lost_map,
    shared_power,
    structure_test,
)
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

SIDE, SIGMA = 160, 5.0
MODEL = NoiseModel(sigma=SIGMA)


def clean() -> Pixels:
    y, x = np.mgrid[:SIDE, :SIDE]
    image: Pixels = 100 + 40 * np.sin(y / 9) * np.cos(x / 11) + 30 * (x > 90)
    return image


def noise(seed: int = 0) -> Pixels:
    drawn: Pixels = SIGMA * np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    return drawn


def residual(denoised: Pixels, seed: int = 0, mask: Pixels | None = None) -> Standardised:
    return standardised(clean() + noise(seed), denoised, MODEL, mask)


def spot(y: int, x: int, width: float, snr: float) -> Pixels:
    """A Gaussian whose matched filter has this signal-to-noise ratio."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    shape = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))
    found: Pixels = shape * snr * SIGMA / np.linalg.norm(shape)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_holds_no_structure(seed: int) -> None:
    found = structure_test(residual(clean(), seed))
    assert found.most_lost < 5.5
    assert found.most_added < 4.5
    assert found.band.ratio == pytest.approx(1, abs=0.04)
    assert abs(found.band.score) < 4
    assert found.share == 1


@pytest.mark.parametrize("width", SCALES)
def test_scores_of_noise_are_standard_errors(width: float) -> None:
    """The standard deviation of each map over an image of noise is 1, as the score claims."""
    plain = residual(clean())
    filtered = gaussian_filter(plain.residual, width) * math.sqrt(4 * math.pi) * width
    assert filtered.std() == pytest.approx(1, abs=0.12)
    inside = (slice(12, -12), slice(12, -12))
    assert float(np.abs(lost_map(plain)[inside]).max()) >= np.abs(filtered[inside]).max() - 1e-3


def test_borders_and_corners_are_no_noisier_than_the_middle() -> None:
    maps = np.stack([lost_map(residual(clean(), seed)) for seed in range(12)])
    border = np.ones((SIDE, SIDE), dtype=bool)
    border[3:-3, 3:-3] = False
    assert maps[:, border].std() == pytest.approx(maps[:, ~border].std(), rel=0.06)


@pytest.mark.parametrize("sign", [1, -1], ids=["bright", "dark"])
@pytest.mark.parametrize("width", SCALES)
def test_a_lost_spot_is_found_where_it_was_with_its_signal_to_noise_ratio(width: float, sign: int) -> None:
    scene = clean() + sign * spot(40, 120, width, 12)
    found = structure_test(standardised(scene + noise(), clean(), MODEL))
    assert len(found.lost_places) >= 1
    first = found.lost_places[0]
    assert max(abs(first.y - 40), abs(first.x - 120)) <= 2
    assert first.score == pytest.approx(12 * sign, abs=2.5)
    assert first.words((SIDE, SIDE)) == "at the upper right"


@pytest.mark.parametrize("smooth", [0.0, 1.2], ids=["white", "band-limited"])
def test_an_added_texture_is_denied_where_it_was_added(smooth: float) -> None:
    texture = np.random.default_rng(7).standard_normal((60, 60))
    texture = gaussian_filter(texture, smooth) if smooth else texture
    painted = clean()
    painted[90:150, 10:70] += 0.4 * SIGMA * texture / texture.std()
    found = structure_test(residual(painted))
    assert found.most_added > 6
    first = found.added_places[0]
    assert 90 <= first.y < 150
    assert 10 <= first.x < 70
    assert first.words((SIDE, SIDE)) in {"at the lower left", "at the left"}


def test_noise_that_was_left_in_is_no_added_texture() -> None:
    """The product of residual and details is positive there: ``a (1 - a)`` of the noise's power."""
    assert structure_test(residual(clean() + 0.3 * noise())).most_added < 2


@pytest.mark.parametrize("smooth", [0.0, 1.2], ids=["white", "band-limited"])
def test_texture_is_denied_where_as_much_noise_was_left_in(smooth: float) -> None:
    """Of a tenth of the noise the product is ``a (1 - a) = 0.09``, of a texture of 0.3 deviations -0.09: 0 of both."""
    texture = np.random.default_rng(7).standard_normal((60, 60))
    texture = gaussian_filter(texture, smooth) if smooth else texture
    y, x = np.mgrid[:400, :400]
    scene = 100 + 40 * np.sin(y / 9) * np.cos(x / 11)
    drawn = SIGMA * np.random.default_rng(5).standard_normal(scene.shape)
    left = scene + 0.1 * drawn
    painted = left.copy()
    painted[220:280, 60:120] += 0.3 * SIGMA * texture / texture.std()
    assert structure_test(standardised(scene + drawn, left, MODEL)).most_added < 3
    found = structure_test(standardised(scene + drawn, painted, MODEL))
    assert found.most_added > 4.5
    first = found.added_places[0]
    assert 210 <= first.y < 290
    assert 50 <= first.x < 130


def test_rounding_to_integers_is_no_texture_where_it_is_known() -> None:
    """Its variance is a twelfth of the square of the step, here that of a texture of 0.29 deviations of the noise."""
    y, x = np.mgrid[:400, :400]
    scene = 100 + 40 * np.sin(y / 9) * np.cos(x / 11)
    seen = standardised(
        scene + np.random.default_rng(5).standard_normal(scene.shape), np.rint(scene), NoiseModel(sigma=1.0)
    )
    assert structure_test(seen).most_added > 7
    assert structure_test(seen, rounding=1.0).most_added < 4.5


def test_few_squares_are_not_compared_with_each_other() -> None:
    """A square stands out among its like only where there are enough of them."""
    rng = np.random.default_rng(1)
    shares, level = rng.standard_normal(ENOUGH), rng.standard_normal(ENOUGH)
    errors = np.zeros(ENOUGH)
    assert np.isneginf(_below_others(shares[1:], errors[1:], level[1:])).all()
    assert _below_others(shares, errors, level).std() == pytest.approx(1, abs=0.2)
    assert _below_others(shares, errors + 1, level).std() == pytest.approx(math.sqrt(0.5), abs=0.15)


def test_the_power_of_a_lost_sinusoid_is_in_its_band() -> None:
    """Of amplitude a it has the power a^2 / 2, over the variance of the noise and the share of its band."""
    wave = 3.0 * np.cos(2 * np.pi * 0.2 * (np.arange(SIDE) + 0.5)) * np.ones((SIDE, 1))
    found = band_loss(standardised(clean() + wave + noise(), clean(), MODEL), None, 0.25)
    frequency = np.hypot(*np.meshgrid(*2 * [np.arange(SIDE) / (2 * SIDE)]))
    waves = np.count_nonzero((frequency >= 0.125) & (frequency <= 0.25))
    expected = 1 + SIDE**2 * 3.0**2 / 2 / SIGMA**2 / waves
    assert found.ratio == pytest.approx(expected, rel=0.06)
    assert found.score > 10
    beyond = band_loss(standardised(clean() + wave + noise(), clean(), MODEL), None, 0.18)
    assert beyond.ratio == pytest.approx(1, abs=0.1)


def test_the_best_linear_filter_stays_below_the_noise() -> None:
    """Residual power of ``s / (1 + s)`` is ``1 / (1 + s)`` of the noise's, ring by ring."""
    rng = np.random.default_rng(3)
    signal = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 1.5, mode="wrap")
    signal *= 2 / signal.std()
    transfer = gaussian_filter(np.eye(1, SIDE**2).reshape(SIDE, SIDE), 1.5, mode="wrap")
    power = np.abs(np.fft.fft2(transfer)) ** 2
    power *= 4 / power.mean()
    noisy = signal + rng.standard_normal((SIDE, SIDE))
    denoised = np.fft.ifft2(np.fft.fft2(noisy) * power / (power + 1)).real
    found = structure_test(standardised(noisy, denoised, NoiseModel(sigma=1.0)), band=0.2)
    assert found.band.ratio < 1
    assert found.most_added < 3
    assert found.most_lost < 5


def test_correlated_noise_is_no_structure_where_it_is_known() -> None:
    white = np.random.default_rng(3).standard_normal((SIDE, SIDE + 1))
    shared = SIGMA * (white[:, 1:] + white[:, :-1]) / math.sqrt(2)
    seen = standardised(clean() + shared, clean(), MODEL)
    known = np.array([[0.0, 0, 0], [0.5, 1, 0.5], [0, 0, 0]])
    assert lost_map(seen, known).std() < 0.9 * lost_map(seen).std()
    assert float(np.abs(lost_map(seen, known)).max()) < 5.5
    assert band_loss(seen, known, 0.2).ratio == pytest.approx(1, abs=0.1)
    assert band_loss(seen, None, 0.2).ratio > 1.3


def test_noise_behind_a_filter_has_the_variance_that_its_autocorrelation_gives() -> None:
    white = np.random.default_rng(3).standard_normal((400, 401))
    shared = (white[:, 1:] + white[:, :-1]) / math.sqrt(2)
    known = np.array([[0.5, 1, 0.5]])
    for width in SCALES:
        measured = gaussian_filter(shared, width).var() * 4 * math.pi * width**2
        assert shared_power(known, width) == pytest.approx(measured, rel=0.1)


def test_gaps_hold_nothing_and_do_not_spoil_what_is_beside_them() -> None:
    mask = np.ones((SIDE, SIDE), dtype=bool)
    mask[30:90, 40:100] = False
    spoilt = np.where(mask, clean() + noise(), 1e6)
    plain = standardised(spoilt, clean(), MODEL, mask)
    lost, added = lost_map(plain), added_map(plain)
    assert np.isnan(lost[~mask]).all()
    assert np.isnan(added[~mask]).all()
    assert float(np.nanmax(np.abs(lost))) < 5.5
    assert float(np.nanmax(added)) < 4.5
    assert band_loss(plain, None, 0.3).ratio == pytest.approx(1, abs=0.06)


def test_nothing_is_found_where_nothing_could_be_tested() -> None:
    found = structure_test(residual(clean(), mask=np.zeros((SIDE, SIDE), dtype=bool)))
    assert found.share == 0
    assert found.lost_places == found.added_places == ()
    assert found.most_lost == found.most_added == 0
    assert math.isnan(found.band.ratio)


def test_the_long_tail_of_few_photons_is_no_lost_spot() -> None:
    """Half a photon a pixel: bright pixels by chance are far more than a normal distribution has."""
    photons = np.random.default_rng(0).poisson(0.5, (400, 400)).astype(float)
    model = NoiseModel(gain=1.0)
    seen = standardised(photons, np.full((400, 400), 0.5), model)
    assert float(lost_map(seen).max()) < 5.2
    plain = gaussian_filter(seen.residual, 1.0) * math.sqrt(4 * math.pi)
    assert plain.max() > 5.5
    assert float(lost_map(seen).std()) == pytest.approx(float(lost_map(residual(clean())).std()), rel=0.05)
