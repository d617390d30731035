"""The spectrum of noise that neighbouring pixels share."""

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.noise.colour import FLOOR, coloured, low_autocovariance, power_spectrum
from noise2detail.numerics.cosines import low_frequencies

WHITE = torch.ones(1, 1, 1)


def of_kernel(kernel: Tensor) -> Tensor:
    """Autocovariance of white noise after a filter: the kernel with itself."""
    high, wide = kernel.shape
    found = torch.zeros(2 * high - 1, 2 * wide - 1)
    for i in range(high):
        for j in range(wide):
            found[i : i + high, j : j + wide] += kernel[high - 1 - i, wide - 1 - j] * kernel
    return found


KERNEL = torch.tensor([[0.2, 0.5, 0.1], [0.4, 1.0, 0.3], [0.0, 0.6, 0.2]])
SHARED = of_kernel(KERNEL)


def measured(images: Tensor, reach: int) -> Tensor:
    """Mean product of pixels at each lag; the image ends where it begins."""
    lags = range(-reach, reach + 1)
    products = [[(images * images.roll((-y, -x), (-2, -1))).mean() for x in lags] for y in lags]
    return torch.tensor(products)


@pytest.mark.parametrize("size", [(5, 5), (8, 9), (13, 6)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_spectrum_is_that_of_the_definition(size: tuple[int, int]) -> None:
    y, x = size
    expected = np.zeros(size)
    for u in range(y):
        for v in range(x):
            for i in range(-2, 3):
                for j in range(-2, 3):
                    wave = np.cos(2 * np.pi * (u * i / y + v * j / x))
                    expected[u, v] += float(SHARED[i + 2, j + 2]) * wave
    expected = np.maximum(expected, FLOOR * expected.max())
    np.testing.assert_allclose(power_spectrum(SHARED, y, x).numpy(), expected, atol=1e-4)


def test_the_spectrum_of_filtered_noise_is_the_square_of_the_filter() -> None:
    filtered = torch.fft.fft2(KERNEL, s=(16, 12)).abs().square()
    torch.testing.assert_close(power_spectrum(SHARED, 16, 12), filtered.clamp_min(FLOOR * float(filtered.max())))


def test_no_power_is_below_the_floor() -> None:
    impossible = torch.tensor([[[0.9, 1.0, 0.9]]]).expand(2, 1, 3) * torch.tensor([1.0, 100.0])[:, None, None]
    power = power_spectrum(impossible, 8, 8)
    torch.testing.assert_close(power.amin((1, 2)), FLOOR * power.amax((1, 2)))


def test_white_noise_stays_white() -> None:
    assert torch.equal(low_autocovariance(WHITE, 0.5, 0.4), WHITE)
    padded = torch.zeros(1, 7, 7)
    padded[0, 3, 3] = 2.0
    found = low_autocovariance(padded, 0.5, 0.4)
    middle = tuple(size // 2 for size in found.shape[1:])
    assert float(found[0, middle[0], middle[1]]) == pytest.approx(2)
    found[0, middle[0], middle[1]] = 0
    assert found.abs().max() < 1e-5


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.4, 0.7), (1.0, 1.0)])
def test_of_low_frequencies_it_is_what_is_measured_there(shares: tuple[float, float]) -> None:
    """Noise of a symmetric filter: of any other, a cosine transform mixes both diagonals."""
    shared = of_kernel(torch.tensor([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]))
    white = torch.randn(150, 80, 60, generator=torch.Generator().manual_seed(0))
    low = low_frequencies(coloured(white, shared), int(80 * shares[0]), int(60 * shares[1]))
    found = low_autocovariance(shared, *shares)
    reach = min(found.shape) // 2
    assert found.shape[0] % 2 == found.shape[1] % 2 == 1
    middle = [size // 2 for size in found.shape]
    inner = found[middle[0] - reach : middle[0] + reach + 1, middle[1] - reach : middle[1] + reach + 1]
    # a cosine transform sees the noise mirrored at its borders, so that pixels there have other neighbours
    edge = 0.04 * float(found.max())
    torch.testing.assert_close(measured(low, reach), inner, atol=edge, rtol=0)


def test_imitated_noise_has_the_autocovariance_asked_for() -> None:
    white = torch.randn(60, 48, 51, generator=torch.Generator().manual_seed(1))
    found = measured(coloured(white, SHARED), 3)
    expected = torch.nn.functional.pad(SHARED, (1, 1, 1, 1))
    torch.testing.assert_close(found, expected, atol=0.04, rtol=0)


def test_imitated_white_noise_is_only_scaled() -> None:
    white = torch.randn(2, 2, 9, 8, generator=torch.Generator().manual_seed(2))
    strengths = torch.tensor([4.0, 0.0])[:, None, None]
    torch.testing.assert_close(coloured(white, strengths), white * torch.tensor([2.0, 0.0])[:, None, None])


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (3, 4)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_images_smaller_than_the_lags_have_the_right_variance(size: tuple[int, int]) -> None:
    lags = torch.arange(-7.0, 8.0)
    line = 0.5 ** lags.abs()
    white = torch.randn(4000, *size, generator=torch.Generator().manual_seed(3))
    found = coloured(white, line[:, None] * line)
    assert found.shape == white.shape
    assert bool(found.isfinite().all())
    assert float(found.square().mean()) == pytest.approx(1, abs=0.05)
