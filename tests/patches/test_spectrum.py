import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.patches.spectrum import (
    coefficient_variances,
    kernel_autocovariance,
    lagged_covariances,
    stack_variances,
)
from noise2detail.patches.transforms import Transform, haar_matrix, patch_matrix
from tests.noise.test_autocovariance import KERNEL, correlated


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
