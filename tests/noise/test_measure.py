"""Noise with all that one image tells of it, against the noise that was put there."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from noise2detail.noise.measure import Measurement, measure_noise
from noise2detail.noise.model import NoiseModel
from tests.noise.test_estimate import photographed, scene

SEEDS = range(3)


def blurred(noise: torch.Tensor, weight: float) -> Tensor:
    """Moving average along both axes with the weights 1 and ``weight``, of the same variance."""
    along = noise[1:] + weight * noise[:-1]
    both: Tensor = along[:, 1:] + weight * along[:, :-1]
    return both / (1 + weight**2)


def shared_noise(side: int, weight: float, seed: int) -> Tensor:
    white = torch.randn(side + 1, side + 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return blurred(white, weight)


def test_white_noise_is_measured_as_before() -> None:
    image = photographed(NoiseModel(gain=40.0, pedestal=100.0, sigma=8.0), 30)
    found = measure_noise(image)
    assert not found.is_correlated
    assert found.model.gain == pytest.approx(40, rel=0.15)


@pytest.mark.parametrize("weight", [0.4, 1.0], ids=["some", "much"])
def test_shared_noise_is_measured_without_bias(weight: float) -> None:
    clean = torch.from_numpy(scene(256))
    found = [measure_noise((clean + 0.05 * shared_noise(256, weight, seed)).float()) for seed in SEEDS]
    assert all(one.is_correlated for one in found)
    assert np.mean([one.model.variance(0.4) for one in found]) ** 0.5 == pytest.approx(0.05, rel=0.1)
    expected = weight / (1 + weight**2)
    assert np.mean([one.correlation for one in found], 0) == pytest.approx((expected, expected), abs=0.08)


def test_shared_noise_that_grows_with_the_signal_has_its_gain() -> None:
    clean = torch.from_numpy(200 * scene(256) + 20)
    found = [measure_noise((clean + (2 * clean).sqrt() * shared_noise(256, 0.6, seed)).float()) for seed in SEEDS]
    assert np.mean([one.model.gain for one in found]) == pytest.approx(2, rel=0.15)
    for level in (40.0, 120.0, 200.0):
        assert np.mean([one.model.variance(level) for one in found]) == pytest.approx(2 * level, rel=0.15)


def test_noise_that_hardly_changes_from_pixel_to_pixel_is_measured_too() -> None:
    """Next to nothing of it is left in the high frequencies: taken for white it would be found 12 times too weak."""
    clean = torch.from_numpy(scene(256))
    for seed in SEEDS:
        white = torch.randn(264, 264, generator=torch.Generator().manual_seed(seed)).numpy()
        noise = gaussian_filter(white, 1.0)[4:-4, 4:-4]
        found = measure_noise((clean + 0.05 * torch.from_numpy(noise / noise.std())).float())
        assert found.model.variance(0.4) ** 0.5 == pytest.approx(0.05, rel=0.15)


def test_noise_shared_along_one_axis_is_told() -> None:
    white = torch.randn(257, 256, generator=torch.Generator().manual_seed(2))
    found = measure_noise((white[1:] + white[:-1]) / 2**0.5)
    assert found.correlation == pytest.approx((0.5, 0.0), abs=0.05)
    assert found.is_correlated


def test_what_has_no_noise_has_no_correlation() -> None:
    for image in (torch.full((40, 40), 3.0), torch.zeros(2, 16, 16)):
        found = measure_noise(image)
        assert (found.model, found.correlation, found.is_correlated) == (NoiseModel(), (0.0, 0.0), False)


def test_gaps_have_no_say() -> None:
    image = photographed(NoiseModel(gain=40.0, pedestal=100.0, sigma=8.0), 30)
    mask = torch.ones(128, 128, dtype=torch.bool)
    mask[:, 90:] = False
    found, expected = (measure_noise(one, mask) for one in (torch.where(mask, image, 1e5), image))
    assert found.model == expected.model
    np.testing.assert_allclose(found.autocorrelation, expected.autocorrelation, atol=1e-4)


def test_several_images_are_measured_together() -> None:
    images = torch.stack([shared_noise(96, 1.0, seed) for seed in SEEDS]).float()
    found = measure_noise(images)
    assert isinstance(found, Measurement)
    assert found.model.sigma == pytest.approx(1, rel=0.12)
