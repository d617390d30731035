"""Noise of variance 1, its variance where it is less, and the way back; oracles are simulated recordings."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from noise2detail.noise.model import NoiseModel
from noise2detail.noise.unit_noise import UnitNoise

COUNTS = NoiseModel(gain=1.0)
CAMERA = NoiseModel(gain=2.0, pedestal=100.0, sigma=3.0)
PLAIN = NoiseModel(pedestal=0.4, sigma=0.2)
CLIPPED = NoiseModel(sigma=0.2, low=0.0, high=1.0)
DARK = NoiseModel(gain=1.0, pedestal=5.0, sigma=1.5, low=5.0, high=60.0)

CASES = [
    *[(COUNTS, level) for level in (0.3, 1.0, 3.0, 30.0)],
    *[(CAMERA, level) for level in (100.0, 104.0, 150.0, 1100.0)],
    *[(PLAIN, level) for level in (-0.5, 0.4, 2.0)],
    *[(CLIPPED, level) for level in (0.05, 0.3, 0.5, 0.9)],
    *[(DARK, level) for level in (6.0, 12.0, 40.0)],
]
EVERY = pytest.mark.parametrize(("model", "level"), CASES)


def recorded(model: NoiseModel, level: float, count: int = 200_000) -> Tensor:
    """The same pixel many times."""
    rng = np.random.default_rng(int(1000 * (level + 10)))
    if model.gain:
        values = model.pedestal + model.gain * rng.poisson((level - model.pedestal) / model.gain, count)
        values = values + model.sigma * rng.standard_normal(count)
    else:
        values = level + model.sigma * rng.standard_normal(count)
    return torch.from_numpy(np.clip(values, model.low, model.high))


def way(model: NoiseModel, *, latent: bool = True) -> UnitNoise:
    highest = {COUNTS: 40.0, CAMERA: 1500.0, PLAIN: 2.5, CLIPPED: 1.0, DARK: 60.0}[model]
    return UnitNoise(model, highest, latent)


@EVERY
def test_the_variance_is_that_of_recordings(model: NoiseModel, level: float) -> None:
    alike = way(model).forward(recorded(model, level))
    assert float(way(model).variance(alike.mean()[None])) == pytest.approx(float(alike.var()), abs=0.02)


@EVERY
def test_the_mean_of_recordings_goes_back_to_what_they_are_of(model: NoiseModel, level: float) -> None:
    mean = way(model).forward(recorded(model, level)).mean()[None]
    tolerance = 0.02 * model.variance(level) ** 0.5 + 0.002 * abs(level)
    assert float(way(model).back(mean)) == pytest.approx(level, abs=max(tolerance, 4e-3))


@EVERY
def test_captured_it_goes_back_to_their_mean(model: NoiseModel, level: float) -> None:
    values = recorded(model, level)
    mean = way(model).forward(values).mean()[None]
    tolerance = 0.02 * float(values.std()) + 1e-3 * abs(level)
    assert float(way(model, latent=False).back(mean)) == pytest.approx(float(values.mean()), abs=tolerance)


def test_both_ways_back_differ_just_where_noise_is_clipped() -> None:
    dark, bright = (way(CLIPPED).forward(recorded(CLIPPED, level)).mean()[None] for level in (0.05, 0.5))
    assert float(way(CLIPPED, latent=False).back(dark) - way(CLIPPED).back(dark)) > 0.04
    assert float(way(CLIPPED, latent=False).back(bright)) == pytest.approx(float(way(CLIPPED).back(bright)), abs=5e-3)
    mean = way(CAMERA).forward(recorded(CAMERA, 150.0)).mean()[None]
    assert float(way(CAMERA, latent=False).back(mean)) == pytest.approx(float(way(CAMERA).back(mean)), rel=1e-6)


def test_plain_noise_is_a_line_both_ways() -> None:
    values = torch.linspace(-100, 100, 401)
    own = way(PLAIN)
    torch.testing.assert_close(own.forward(values), (values - 0.4) / 0.2)
    torch.testing.assert_close(own.back(own.forward(values)), values)
    torch.testing.assert_close(own.variance(own.forward(values)), torch.ones(401))


def test_latent_values_stay_within_the_range_of_the_device() -> None:
    found = way(CLIPPED).back(torch.linspace(-50, 50, 101))
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_the_variance_is_level_beyond_the_table_and_falls_at_low_counts() -> None:
    own = way(COUNTS)
    bright, dark = own.forward(torch.tensor([1e6])), own.forward(torch.tensor([0.0]))
    assert float(own.variance(bright)) == pytest.approx(1, abs=0.01)
    assert float(own.variance(dark)) == pytest.approx(0, abs=1e-3)
    assert float(own.variance(dark - 10)) == pytest.approx(0, abs=1e-3)
    photons = torch.linspace(0.01, 2.0, 30)
    roots = own.forward(torch.arange(60.0))
    weights = torch.from_numpy(stats.poisson.pmf(np.arange(60), photons[:, None].numpy())).float()
    means = weights @ roots
    expected = weights @ roots.square() - means.square()
    torch.testing.assert_close(own.variance(means), expected, atol=2e-3, rtol=0)


def test_brighter_images_than_those_measured_are_exact() -> None:
    """Up to sixteen times as bright, as the record says."""
    own = UnitNoise(COUNTS, 10.0, True)
    mean = own.forward(recorded(COUNTS, 120.0)).mean()[None]
    assert float(own.back(mean)) == pytest.approx(120, abs=0.15)
