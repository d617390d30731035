"""Noise measured on one image, against the noise that was put there."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.estimate import estimate_noise, white_sigma
from noise2detail.noise.model import NoiseModel

SEEDS = range(4)


def scene(side: int = 128) -> NDArray[np.float64]:
    """Sharp discs of many brightnesses on a gradient, with fine stripes in one corner; 0 to 1."""
    y, x = np.mgrid[:side, :side] / side
    image = 0.25 * x + 0.1
    for number in range(14):
        rng = np.random.default_rng(number)
        centre, radius = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.2)
        image[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = rng.uniform(0, 1)
    image[: side // 4, : side // 4] += 0.3 * (np.sin(x * side) > 0)[: side // 4, : side // 4]
    result: NDArray[np.float64] = np.clip(image, 0, 1)
    return result


def photographed(model: NoiseModel, photons: float, seed: int = 0, side: int = 128) -> Tensor:
    rng = np.random.default_rng([5, seed])
    counts = rng.poisson(photons * scene(side)) if model.gain else photons * scene(side)
    values = model.pedestal + (model.gain or 1.0) * counts + rng.normal(0, model.sigma, (side, side))
    return torch.from_numpy(np.clip(values, model.low, model.high)).float()


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("side", "tolerance"), [(8, 0.03), (9, 0.03), (16, 0.02), (64, 0.005), (128, 0.004)])
def test_pure_noise_is_measured_without_bias(side: int, tolerance: float) -> None:
    found = [white_sigma(3 * noise(seed, side, side) + 7) ** 2 for seed in range(100 if side < 20 else 20)]
    assert np.mean(found) / 9 == pytest.approx(1, abs=4 * tolerance)
    assert np.std(found) / 9 < (0.7 if side < 10 else 0.4 if side < 20 else 0.08)


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("side", [64, 128])
def test_structure_is_not_taken_for_noise(sigma: float, side: int) -> None:
    found = [white_sigma(photographed(NoiseModel(sigma=sigma), 1.0, seed, side)) for seed in SEEDS]
    assert np.mean(found) == pytest.approx(sigma, rel=0.04 if side == 128 else 0.08)


def test_units_do_not_matter() -> None:
    image = photographed(NoiseModel(gain=0.02, sigma=0.05), 50)
    first, second = estimate_noise(image), estimate_noise(1000 * image + 30_000)
    expected = first.mapped(-30.0, 0.001)
    for name in ("gain", "pedestal", "sigma"):
        assert getattr(second, name) == pytest.approx(getattr(expected, name), rel=2e-3, abs=0.05)


def test_constant_areas_have_no_say() -> None:
    image = photographed(NoiseModel(sigma=0.1), 1.0)
    masked = image.clone()
    masked[:, :60] = -1.0
    assert white_sigma(masked) == pytest.approx(0.1, rel=0.05)
    assert not estimate_noise(masked).is_clipped
    assert white_sigma(torch.full((40, 40), 3.0)) == 0
    assert estimate_noise(torch.full((40, 40), 3.0)) == NoiseModel()


@pytest.mark.parametrize(
    ("model", "photons"),
    [
        (NoiseModel(gain=1 / 30), 30),
        (NoiseModel(gain=40.0, pedestal=100.0, sigma=8.0), 30),
        (NoiseModel(gain=3.5, pedestal=-20.0, sigma=3.5), 100),
        (NoiseModel(gain=16.0, pedestal=3.0, sigma=1.0), 2),
    ],
    ids=["photons", "camera", "much reading noise", "few photons"],
)
def test_what_was_simulated_is_found(model: NoiseModel, photons: float) -> None:
    for side in (128, 192):
        found = [estimate_noise(photographed(model, photons, seed, side)) for seed in SEEDS]
        assert np.mean([one.gain for one in found]) == pytest.approx(model.gain, rel=0.1 if side == 128 else 0.06)
        for part in (0.1, 0.3, 0.6, 0.9):
            level = model.pedestal + model.gain * photons * part
            mean = np.mean([one.variance(level) for one in found])
            assert mean == pytest.approx(model.variance(level), rel=0.12)
        assert not any(one.is_clipped for one in found)


def test_pedestal_and_reading_noise_are_told_apart_by_skewness() -> None:
    """A straight line through the variances is the same for both."""
    y, x = np.mgrid[:256, :256] // 32
    counts = 0.3 + 0.2 * ((x + y) % 8)
    rng = np.random.default_rng(0)
    photons = estimate_noise(torch.from_numpy(10 * rng.poisson(counts + 2.0) + 0.0).float())
    reading = estimate_noise(torch.from_numpy(10 * rng.poisson(counts) + 20 + rng.normal(0, 200**0.5, x.shape)).float())
    assert photons.gain == pytest.approx(reading.gain, rel=0.15)
    assert photons.pedestal == pytest.approx(0, abs=5)
    assert reading.pedestal == pytest.approx(20, abs=4)
    assert reading.sigma > 3 * photons.sigma


def test_the_variance_is_that_of_the_line_and_never_negative() -> None:
    image = photographed(NoiseModel(gain=40.0, pedestal=100.0, sigma=8.0), 30)
    found = estimate_noise(image)
    assert found.pedestal <= float(image.quantile(0.2))
    assert all(found.variance(float(value)) >= 0 for value in image.flatten()[::37])


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_that_does_not_depend_on_the_signal_has_no_gain(seed: int) -> None:
    found = estimate_noise(noise(seed, 96, 96) * 0.2 + torch.linspace(0, 3, 96))
    assert found.gain < 0.01
    assert found.variance(1.5) == pytest.approx(0.04, rel=0.06)


@pytest.mark.parametrize("high", [math.inf, 0.9], ids=["low", "both"])
def test_clipped_normal_noise_is_recognised_and_measured(high: float) -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:160, :160] // 40
        flat = np.array([0.0, 0.0, 0.4, 0.6, 0.9])[(x + 2 * y) % 5]
        image = torch.from_numpy(np.clip(flat + rng.normal(0, 0.098, flat.shape), 0, high)).float()
        found = estimate_noise(image)
        assert found.low == 0
        assert found.high == pytest.approx(high)
        assert found.variance(0.5) ** 0.5 == pytest.approx(0.098, rel=0.04)
        assert white_sigma(image) == pytest.approx(0.098, rel=0.03)


@pytest.mark.parametrize("photons", [3, 30, 300])
def test_the_dark_of_counted_photons_is_not_taken_for_clipping(photons: float) -> None:
    clean = np.kron(np.random.default_rng(1).choice([0.0, 0.01, 0.1, 0.5, 1.0], (8, 8)), np.ones((20, 20)))
    found = estimate_noise(torch.from_numpy(np.random.default_rng(2).poisson(photons * clean) / photons).float())
    assert not found.is_clipped
    assert found.gain == pytest.approx(1 / photons, rel=0.1)


def test_gaps_have_no_say() -> None:
    image = photographed(NoiseModel(gain=40.0, pedestal=100.0, sigma=8.0), 30)
    mask = torch.ones(128, 128, dtype=torch.bool)
    mask[:, 90:] = False
    changed = torch.where(mask, image, 1e5 * noise(0, 128, 128))
    assert estimate_noise(changed, mask) == estimate_noise(image, mask)
    assert estimate_noise(image, mask & False) == NoiseModel()
    assert white_sigma(image, mask & False) == 0


def test_several_images_are_measured_together() -> None:
    images = torch.stack([photographed(NoiseModel(gain=40.0, pedestal=100.0, sigma=8.0), 30, seed) for seed in SEEDS])
    assert estimate_noise(images).gain == pytest.approx(40, rel=0.06)
    assert estimate_noise(images[:1]) == estimate_noise(images[0])


@pytest.mark.parametrize("shape", [(8, 8), (9, 31), (17, 8), (33, 12)], ids=str)
def test_small_images_have_white_noise(shape: tuple[int, int]) -> None:
    found = estimate_noise(noise(0, *shape))
    assert found.gain == 0
    assert found.sigma == pytest.approx(1, abs=0.6)


def test_the_input_stays() -> None:
    image = photographed(NoiseModel(sigma=0.1), 1.0, side=64)
    before = image.clone()
    for measure in (white_sigma, estimate_noise):
        measure(image)
    assert torch.equal(image, before)


def test_correlated_noise_beside_a_clipped_end_is_no_failure() -> None:
    """No block looks flat then, and an end has to be judged nevertheless."""
    rng = np.random.default_rng(3)
    white = rng.normal(size=(130, 130))
    smooth = white[:-2, :-2] + white[1:-1, :-2] + white[:-2, 1:-1] + white[1:-1, 1:-1] + white[2:, 2:]
    image = np.clip(np.linspace(0, 60, 128) + 8 * smooth, 0, 255).round().astype(np.float32)
    model = estimate_noise(torch.from_numpy(image))
    assert 0 < model.variance(30.0) < 2000
