import numpy as np
import pytest

from noise2detail.errors import InputError
from noise2detail.metrics.decorrelation import decorrelation
from noise2detail.types import Pixels


def points(side: int, seed: int) -> Pixels:
    """Spots smaller than a pixel: structure at every frequency."""
    rng = np.random.default_rng(seed)
    image = np.zeros((side, side))
    places = rng.integers(0, side, (side * side // 60, 2))
    image[places[:, 0], places[:, 1]] = rng.gamma(1, 1, len(places))
    return image


def through_optics(image: Pixels, cutoff: float) -> Pixels:
    """As a round lens without aberrations shows it by incoherent light; nothing is left above the cutoff."""
    side = image.shape[0]
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) / cutoff
    inside = np.minimum(radius, 1)
    transfer = 2 / np.pi * (np.arccos(inside) - inside * np.sqrt(1 - inside**2))
    seen: Pixels = np.maximum(np.fft.ifft2(np.fft.fft2(image) * transfer).real, 0)
    return seen


def recorded(cutoff: float, photons: float, side: int = 256, seed: int = 0) -> Pixels:
    image = through_optics(points(side, seed), cutoff)
    counted: Pixels = np.random.default_rng(seed + 9).poisson(image / image.mean() * photons).astype(float)
    return counted


@pytest.mark.parametrize("cutoff", [0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("photons", [30, 1000])
def test_the_cutoff_of_the_optics_is_found(cutoff: float, photons: float) -> None:
    """A lens passes a twentieth of the contrast at 0.88 of its cutoff: up to there or a little more can be seen."""
    assert 0.8 * cutoff < decorrelation(recorded(cutoff, photons)).cutoff < 1.02 * cutoff


def test_noise_hides_what_is_faint() -> None:
    """Detail that falls off with frequency as in pictures ends where the noise begins."""
    spectrum = np.fft.fft2(np.random.default_rng(1).standard_normal((256, 256)))
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    image = np.fft.ifft2(spectrum / (0.02 + radius) ** 2).real
    image /= image.std()
    noise = np.random.default_rng(2).standard_normal((256, 256))
    found = [decorrelation(image + level * noise) for level in (0.03, 0.1, 0.3, 1.0)]
    cutoffs = [one.cutoff for one in found]
    assert cutoffs == sorted(cutoffs, reverse=True)
    assert cutoffs[0] > 2 * cutoffs[-1] > 0
    assert [one.strength for one in found] == sorted((one.strength for one in found), reverse=True)


def test_noise_alone_has_no_resolution() -> None:
    for seed in range(20):
        found = decorrelation(np.random.default_rng(seed).standard_normal((96, 96)))
        assert (found.cutoff, found.strength, found.resolution_um) == (0, 0, None)


def test_gain_offset_and_turns_change_nothing() -> None:
    image = recorded(0.25, 100, side=128)
    expected = decorrelation(image)
    assert decorrelation(7 * image - 300).cutoff == expected.cutoff
    assert decorrelation(np.rot90(image)).cutoff == expected.cutoff
    wide = decorrelation(recorded(0.25, 100, side=192)[:128])
    assert 0.8 * 0.25 < wide.cutoff < 1.02 * 0.25


def test_micrometres() -> None:
    image = recorded(0.25, 1000, side=128)
    found = decorrelation(image, pixel_size_um=0.05)
    assert found.resolution_um == pytest.approx(0.05 / found.cutoff)
    assert decorrelation(image).resolution_um is None


def test_refusals() -> None:
    with pytest.raises(InputError, match="32x32"):
        decorrelation(np.zeros((31, 40)))
    with pytest.raises(InputError, match="one plane"):
        decorrelation(np.zeros((2, 64, 64)))
    with pytest.raises(InputError, match="NaN"):
        decorrelation(np.full((64, 64), np.nan))
    assert decorrelation(np.ones((64, 64))).cutoff == 0
