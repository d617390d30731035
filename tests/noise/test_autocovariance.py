"""Autocovariance of noise, measured: of what was put in, whatever else is in the image."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.noise.autocovariance import measured_autocovariance

KERNEL = torch.tensor([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0], [0.5, 0.0, 1.0]])


def correlated(*shape: int, seed: int = 0) -> Tensor:
    """Noise of variance 1, white noise times ``KERNEL``."""
    white = torch.randn(shape[0], 1, shape[1] + 2, shape[2] + 2, generator=torch.Generator().manual_seed(seed))
    noise: Tensor = F.conv2d(white, KERNEL[None, None])[:, 0] / KERNEL.norm()
    return noise


def expected_autocovariance() -> Tensor:
    """Of that noise, ``(5, 5)``: the kernel with itself."""
    found: Tensor = F.conv2d(F.pad(KERNEL, (2, 2, 2, 2))[None, None], KERNEL[None, None])[0, 0]
    return found / KERNEL.square().sum()


@pytest.mark.parametrize("sigma", [0.02, 3.0])
def test_the_autocovariance_is_measured(sigma: float) -> None:
    ramp = 10 * sigma * torch.arange(160) / 160
    found = measured_autocovariance(sigma * correlated(1, 160, 160) + ramp)
    expected = F.pad(expected_autocovariance(), (5, 5, 5, 5))
    torch.testing.assert_close(found / sigma**2, expected, atol=0.15, rtol=0)
    assert found[7, 7] == pytest.approx(sigma**2, rel=0.15)


def test_structure_does_not_pass_for_noise() -> None:
    noise = correlated(1, 160, 160)
    structured = noise.clone()
    structured[:, 110:, ::9] += 20
    alone, found = measured_autocovariance(noise), measured_autocovariance(structured)
    assert found[7, 7] == pytest.approx(float(alone[7, 7]), rel=0.2)


def test_gaps_have_no_say() -> None:
    noise = correlated(1, 96, 96)
    mask = torch.ones(1, 96, 96, dtype=torch.bool)
    mask[:, 40:, 50:] = False
    torch.testing.assert_close(
        measured_autocovariance(noise, mask), measured_autocovariance(noise.where(mask, 1e3), mask)
    )
    assert not measured_autocovariance(noise, ~mask & mask).any()


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (16, 40)])
def test_small_images_are_measured_too(size: tuple[int, int]) -> None:
    found = measured_autocovariance(correlated(1, *size))
    assert math.isfinite(float(found.sum()))
    assert found.abs().argmax() == found.numel() // 2
