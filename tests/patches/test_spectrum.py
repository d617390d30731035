import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.patches.spectrum import (
    coefficient_variances,
    kernel_autocovariance,
    lagged_covariances,
    measured_autocovariance,
    stack_variances,
)
from noise2detail.patches.transforms import Transform, haar_matrix, patch_matrix

KERNEL = torch.tensor([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0], [0.5, 0.0, 1.0]])


def correlated(*shape: int, seed: int = 0) -> Tensor:
    """Noise of variance 1, white noise times ``KERNEL``."""
    white = torch.randn(shape[0], 1, shape[1] + 2, shape[2] + 2, generator=torch.Generator().manual_seed(seed))
    noise: Tensor = F.conv2d(white, KERNEL[None, None])[:, 0] / KERNEL.norm()
    return noise


def test_autocovariance_of_a_kernel() -> None:
    assert kernel_autocovariance(torch.tensor([[2.0]])).tolist() == [[1.0]]
    torch.testing.assert_close(kernel_autocovariance(torch.ones(1, 3)), torch.tensor([[1.0, 2.0, 3.0, 2.0, 1.0]]) / 3)
    noise = correlated(1, 1024, 1024)[0]
    expected = kernel_autocovariance(KERNEL)
    for y, x in ((0, 0), (0, 1), (1, 0), (2, 2), (1, -1)):
        shifted = noise.roll((y, x), (0, 1))[3:-3, 3:-3]
        assert (noise[3:-3, 3:-3] * shifted).mean() == pytest.approx(float(expected[2 + y, 2 + x]), abs=5e-3)


@pytest.mark.parametrize("transform", ["dct", "bior1.5"])
def test_white_noise_has_the_same_variance_in_every_coefficient(transform: Transform) -> None:
    for white in (torch.tensor([[4.0]]), F.pad(torch.tensor([[4.0]]), (9, 9, 9, 9))):
        found = coefficient_variances(lagged_covariances(white, patch_matrix(transform, 8)))
        torch.testing.assert_close(found, torch.full((64,), 4.0, dtype=torch.float64))


@pytest.mark.parametrize("transform", ["dct", "bior1.5"])
def test_variances_of_correlated_noise_are_those_of_samples(transform: Transform) -> None:
    matrix = patch_matrix(transform, 8).float()
    samples = correlated(40000, 8, 8).flatten(1) @ matrix.mT
    found = coefficient_variances(lagged_covariances(kernel_autocovariance(KERNEL), matrix))
    torch.testing.assert_close(found, samples.var(0), rtol=0.05, atol=2e-3)


@pytest.mark.parametrize("sigma", [0.02, 3.0])
def test_the_autocovariance_is_measured(sigma: float) -> None:
    ramp = 10 * sigma * torch.arange(160) / 160
    found = measured_autocovariance(sigma * correlated(1, 160, 160) + ramp)
    expected = F.pad(kernel_autocovariance(KERNEL), (5, 5, 5, 5))
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


@pytest.mark.parametrize("transform", ["dct", "bior1.5"])
@pytest.mark.parametrize("white", [False, True], ids=["correlated", "white"])
def test_variances_of_a_stack_are_those_of_samples(transform: Transform, white: bool) -> None:
    """Four patches: two overlap, one touches, one is far away."""
    corners = [(0, 0), (2, 1), (0, 8), (20, 3)]
    matrix, haar = patch_matrix(transform, 8).float(), haar_matrix(4).float()
    noise = normal_noise(20000, 28, 16) if white else correlated(20000, 28, 16)
    patches = torch.stack([noise[:, y : y + 8, x : x + 8].flatten(1) for y, x in corners])
    samples = torch.einsum("ij,jnk->ink", haar, patches @ matrix.mT).var(1)
    shape = torch.ones(1, 1) if white else kernel_autocovariance(KERNEL)
    group = torch.tensor([[y * 40 + x for y, x in corners]] * 2).mT
    found = stack_variances(group, 40, haar, lagged_covariances(shape, matrix))
    torch.testing.assert_close(found[:, 0], samples, rtol=0.06, atol=4e-3)
    assert torch.equal(found[:, 1], found[:, 0])


def normal_noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))
