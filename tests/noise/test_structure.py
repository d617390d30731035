"""Structure told from noise by what a spectrum holds in its high frequencies."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from noise2detail.noise.measure import measure_noise
from noise2detail.noise.structure import CLEAN, without_structure

SIDE = 32
ALONG = torch.fft.fftfreq(SIDE, dtype=torch.float64)
DISTANCE = torch.hypot(ALONG[:, None], ALONG)


def shared(y: float, x: float) -> Tensor:
    """Spectrum of noise that is correlated by so much with the next pixel."""
    down, across = (1 + 2 * weight * torch.cos(2 * math.pi * ALONG) for weight in (y, x))
    return down[:, None] * across


@pytest.mark.parametrize("noise", [shared(0, 0), shared(0.1, 0.0), shared(0.05, 0.15)], ids=["white", "y", "both"])
def test_structure_over_noise_is_taken_away(noise: Tensor) -> None:
    structure = 0.02 / DISTANCE.clamp_min(1 / SIDE) ** 2 * (DISTANCE < CLEAN)
    found = without_structure(noise + structure, 400)
    assert (noise + structure).sum() > 1.3 * noise.sum()
    torch.testing.assert_close(found, noise, atol=0, rtol=0.15)


@pytest.mark.parametrize("y", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("x", [0.0, 0.3, 0.5])
def test_noise_alone_stays(y: float, x: float) -> None:
    noise = shared(y, x).clamp_min(1e-6)
    torch.testing.assert_close(without_structure(noise, 400), noise, atol=0, rtol=0.12)


def test_band_limited_noise_stays_as_it_is() -> None:
    noise = torch.exp(-((DISTANCE / 0.2) ** 2)) + 1e-3
    assert torch.equal(without_structure(noise, 400), noise)


def test_each_spectrum_is_judged_by_itself() -> None:
    both = torch.stack([shared(0, 0), shared(0, 0) + 5 * (DISTANCE < 0.1)])
    torch.testing.assert_close(without_structure(both, 400), both[:1].expand_as(both))


@pytest.mark.parametrize("seed", range(3))
def test_threads_everywhere_do_not_pass_for_shared_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    threads = 4 * gaussian_filter(rng.normal(size=(192, 192)), 2.0) / 0.14
    white = rng.normal(size=(192, 192))
    own = white[1:, 1:] + white[:-1, 1:]
    for noise, expected in ((white, (0.0, 0.0)), (own / 2**0.5, (0.5, 0.0))):
        size = len(noise)
        found = measure_noise(torch.from_numpy(threads[:size, :size] / 8 + noise).float())
        if expected[0]:
            assert found.is_correlated
        else:
            assert found.correlation == pytest.approx(expected, abs=0.08)
