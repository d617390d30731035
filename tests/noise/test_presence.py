"""No noise at all, and nothing but noise."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data

from noise2detail.noise.measure import Measurement, measure_noise

SIDE = 192


def measured(image: NDArray[np.generic]) -> Measurement:
    return measure_noise(torch.from_numpy(np.ascontiguousarray(image, np.float32)))


def camera() -> NDArray[np.float64]:
    return np.asarray(data.camera(), np.float64)[100 : 100 + SIDE, 150 : 150 + SIDE]  # type: ignore[no-untyped-call]


def noises(seed: int) -> list[NDArray[np.generic]]:
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(SIDE, SIDE))
    shared = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 0.6)
    return [100 + 10 * white, rng.poisson(4.0, white.shape), 100 + 20 * shared, np.clip(white, 0, None)]


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_told(seed: int) -> None:
    for image in noises(seed):
        found = measured(image)
        assert found.is_noise_only
        assert not found.is_noiseless


@pytest.mark.parametrize("contrast", [0.1, 0.3, 1.0])
def test_an_image_under_noise_is_seen(contrast: float) -> None:
    """The faintest of these has a deviation of a third of the noise."""
    noise = np.random.default_rng(0).normal(0, 15, (SIDE, SIDE))
    assert not measured(contrast * camera() + noise).is_noise_only


@pytest.mark.parametrize("width", [1.5, 3.0])
def test_a_smooth_image_has_no_noise(width: float) -> None:
    smooth = gaussian_filter(camera(), width)
    for image in (smooth, smooth.round(), smooth / 1e12, smooth * 1e9):
        found = measured(image)
        assert found.is_noiseless
        assert not found.is_noise_only


@pytest.mark.parametrize("sigma", [1.0, 15.0])
@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e9])
def test_noise_that_can_be_seen_is_no_rounding(sigma: float, scale: float) -> None:
    image = gaussian_filter(camera(), 3) + np.random.default_rng(0).normal(0, sigma, (SIDE, SIDE))
    assert not measured(scale * image.round()).is_noiseless


def test_constant_images_have_no_noise() -> None:
    found = measured(np.full((40, 40), 7.0))
    assert found.is_noiseless
    assert not found.is_noise_only


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (8, 20000), (3, 24, 24)], ids=str)
def test_small_images_say_nothing(shape: tuple[int, ...]) -> None:
    found = measured(np.random.default_rng(0).normal(size=shape))
    assert not found.is_noiseless
    assert not np.isnan(found.excess)


@pytest.mark.parametrize("photons", [0.01, 0.1])
def test_a_few_photons_are_noise(photons: float) -> None:
    assert not measured(np.random.default_rng(0).poisson(photons, (SIDE, SIDE))).is_noiseless
