"""The band of the signal, and noise that is coloured beyond doubt, of simulated images."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.fft import idctn
from scipy.ndimage import gaussian_filter
from torch import Tensor

from noise2detail.noise.band import NYQUIST, is_noise, kept_share, signal_band
from noise2detail.noise.measure import measure_noise

WHITE = torch.ones(1, 1)

Values = NDArray[np.float64]


def limited(side: int, limit: float, seed: int, power: float = 4.0) -> Values:
    """Structure, so many times as strong as the noise at every frequency up to a limit, and none above."""
    y, x = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    white = np.random.default_rng([seed, 1]).standard_normal((side, side))
    result: Values = power**0.5 * np.fft.ifft2(np.fft.fft2(white) * (np.hypot(y, x) < limit)).real
    return result


def mirrored(side: int, limit: float, seed: int) -> Values:
    """Structure far above the noise whose cosine spectrum ends at a frequency: nothing leaks across the borders."""
    along = np.arange(side) / (2 * side)
    inside = np.hypot(along[:, None], along) < limit
    result: Values = idctn(100 * np.random.default_rng(seed).standard_normal((side, side)) * inside, norm="ortho")
    return result


def noise(side: int, blur: float, seed: int) -> Values:
    """Of variance 1, after a filter."""
    values = np.random.default_rng([seed, 2]).standard_normal((side, side))
    if blur:
        values = gaussian_filter(values, blur, mode="wrap")
    result: Values = values / values.std()
    return result


def autocovariance(blur: float) -> Tensor:
    """Of that noise, from the kernel of the filter."""
    if not blur:
        return WHITE
    spot = np.zeros((64, 64))
    spot[0, 0] = 1
    power = np.abs(np.fft.fft2(gaussian_filter(spot, blur, mode="wrap"))) ** 2
    lags = np.fft.fftshift(np.fft.ifft2(power).real)[25:40, 25:40]
    return torch.from_numpy(lags / lags[7, 7])


def image(values: Values) -> Tensor:
    return torch.from_numpy(values[None]).float()


@pytest.mark.parametrize("blur", [0.0, 0.6])
@pytest.mark.parametrize("limit", [0.1, 0.2, 0.3])
def test_the_band_is_where_structure_ends(limit: float, blur: float) -> None:
    found = signal_band(image(limited(128, limit, 0) + noise(128, blur, 0)), autocovariance(blur))
    assert found == pytest.approx(limit, abs=0.04)


@pytest.mark.parametrize("blur", [0.0, 0.6])
@pytest.mark.parametrize("limit", [0.1, 0.2, 0.3])
def test_bright_structure_is_not_seen_further_than_it_goes(limit: float, blur: float) -> None:
    found = signal_band(image(mirrored(128, limit, 0) + noise(128, blur, 0)), autocovariance(blur))
    assert limit - 1e-9 <= found <= limit + 0.021


@pytest.mark.parametrize("blur", [0.0, 0.6, 1.0])
def test_noise_alone_has_next_to_no_band(blur: float) -> None:
    for seed in range(5):
        assert signal_band(image(noise(128, blur, seed)), autocovariance(blur)) <= 0.04


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_units_and_background_do_not_matter(scale: float) -> None:
    values = limited(96, 0.2, 3) + noise(96, 0.6, 3)
    plain = signal_band(image(values), autocovariance(0.6))
    assert signal_band(image(scale * (values + 50)), scale**2 * autocovariance(0.6)) == plain


def test_structure_up_to_the_pixels_is_kept() -> None:
    values = 3 * np.random.default_rng(1).standard_normal((96, 96)) + noise(96, 0, 0)
    assert signal_band(image(values), WHITE) == NYQUIST


def test_several_images_tell_together_and_shapes_may_be_odd() -> None:
    stack = np.stack([limited(97, 0.2, seed) + noise(97, 0, seed) for seed in range(3)])
    assert signal_band(torch.from_numpy(stack).float(), WHITE) == pytest.approx(0.2, abs=0.03)
    cut = np.ascontiguousarray(stack[:, :65, :])
    assert signal_band(torch.from_numpy(cut).float(), WHITE) == pytest.approx(0.2, abs=0.04)


# --- coloured or not -----------------------------------------------------------------------------------------------


def smooth(side: int) -> Values:
    rows, columns = np.mgrid[:side, :side] / side
    result: Values = 60 * np.exp(-((rows - 0.4) ** 2 + (columns - 0.6) ** 2) * 12)
    return result


def faint(side: int, seed: int) -> Values:
    """Noise whose next pixels share 0.15 of it."""
    white = np.random.default_rng([seed, 5]).standard_normal((side, side))
    # a, 1, a: the next pixel shares 2a / (1 + 2a^2), along each axis
    a = 0.0759
    for axis in (0, 1):
        white = white + a * (np.roll(white, 1, axis) + np.roll(white, -1, axis))
    result: Values = white / white.std()
    return result


@pytest.mark.parametrize("seed", range(3))
def test_a_faint_correlation_on_a_smooth_scene_is_believed(seed: int) -> None:
    found = measure_noise(torch.from_numpy(smooth(256) + faint(256, seed)).float())
    assert max(found.correlation) == pytest.approx(0.15, abs=0.04)
    assert not found.is_correlated
    assert found.is_coloured


@pytest.mark.parametrize("seed", range(4))
def test_white_noise_is_not_coloured(seed: int) -> None:
    found = measure_noise(torch.from_numpy(smooth(192) + noise(192, 0, seed)).float())
    assert not found.is_coloured


@pytest.mark.parametrize("seed", range(3))
def test_fine_structure_under_white_noise_is_not_taken_for_its_colour(seed: int) -> None:
    texture = gaussian_filter(np.random.default_rng([seed, 9]).standard_normal((192, 192)), 1.5, mode="wrap")
    found = measure_noise(torch.from_numpy(3 * texture / texture.std() + noise(192, 0, seed)).float())
    assert not found.is_coloured


def test_what_is_shared_so_widely_that_it_might_be_structure_is_not_believed() -> None:
    shared = gaussian_filter(np.random.default_rng(4).standard_normal((128, 128)), 2.0, mode="wrap")
    found = measure_noise(torch.from_numpy(smooth(128) + shared / shared.std()).float())
    assert found.is_correlated
    assert not found.is_coloured


# --- whether what is left in the band is noise ---------------------------------------------------------------------


def waves(side: int) -> Values:
    """Flat on its crests, over as many pixels as a small block has."""
    along = np.sin(2 * np.pi * np.arange(side) / 48)
    result: Values = 4 * along[:, None] * along
    return result


@pytest.mark.parametrize("blur", [0.0, 0.6])
@pytest.mark.parametrize("share", [0.5, 0.7])
def test_what_a_smooth_scene_holds_within_the_band_is_noise(share: float, blur: float) -> None:
    for seed in range(3):
        assert is_noise(image(0.1 * smooth(256) + noise(256, blur, seed)), share)


def test_structure_within_the_band_is_not_taken_for_noise() -> None:
    """Of few frequencies a block covers more of the image: none is flat."""
    for seed in range(3):
        assert not is_noise(image(waves(192) + noise(192, 0.6, seed)), 0.35)


def test_the_share_leaves_a_margin_and_enough_pixels() -> None:
    assert kept_share(0.2, 512, 512) == pytest.approx(0.46)
    assert kept_share(0.02, 128, 512) == pytest.approx(0.25)
    assert kept_share(NYQUIST, 512, 512) > 1


def test_where_it_is_not_every_frequency_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.from_numpy(noise(256, 0.6, 0)).float()
    found = measure_noise(values)
    assert found.is_coloured
    assert kept_share(found.band, 256, 256) < 1
    monkeypatch.setattr("noise2detail.noise.measure.is_noise", lambda images, share: False)
    assert measure_noise(values).band == NYQUIST
