import numpy as np
import pytest
import torch
from scipy.fft import dct
from scipy.signal.windows import kaiser as kaiser_line

from noise2detail.patches.transforms import biorthogonal_matrix, dct_matrix, haar_matrix, kaiser, patch_matrix
from tests.patches.slow_bm3d import LINE, haar


@pytest.mark.parametrize("side", [1, 2, 8, 11, 12])
def test_cosines_are_those_of_scipy(side: int) -> None:
    expected = dct(np.eye(side), axis=0, norm="ortho")
    np.testing.assert_allclose(dct_matrix(side).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 4, 16, 32])
def test_haar_is_the_recursion_and_orthonormal(count: int) -> None:
    matrix = haar_matrix(count)
    np.testing.assert_allclose(matrix.numpy(), haar(np.eye(count)), atol=1e-12)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(count, dtype=torch.float64))


def test_wavelets_are_those_of_pywavelets() -> None:
    np.testing.assert_allclose(biorthogonal_matrix(8).numpy(), LINE, atol=1e-12)


def test_a_constant_has_one_wavelet_coefficient() -> None:
    spectrum = biorthogonal_matrix(8) @ torch.ones(8, dtype=torch.float64)
    assert spectrum[0] == pytest.approx(8**0.5)
    assert spectrum[1:].abs().max() < 1e-12


@pytest.mark.parametrize("transform", ["dct", "bior1.5"])
def test_a_patch_is_transformed_along_both_axes(transform: str) -> None:
    line = dct_matrix(8) if transform == "dct" else biorthogonal_matrix(8)
    patch = torch.randn(8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    matrix = patch_matrix(transform, 8)  # type: ignore[arg-type]
    torch.testing.assert_close((matrix @ patch.flatten()).view(8, 8), line @ patch @ line.mT)
    torch.testing.assert_close(matrix.norm(dim=1), torch.ones(64, dtype=torch.float64))


def test_kaiser_is_that_of_scipy() -> None:
    line = kaiser_line(8, 2.0)
    np.testing.assert_allclose(kaiser(8, 2.0).numpy(), np.outer(line, line), atol=1e-7)
