"""The cosine spectrum of images, cut and filled up."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.numerics.cosines import filled_up, low_frequencies, with_low_frequencies

SIZES = pytest.mark.parametrize("size", [(12, 10), (11, 13), (8, 31)], ids=lambda s: f"{s[0]}x{s[1]}")


def white(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def basis(size: int) -> Tensor:
    """Rows of the orthonormal cosine transform, written out."""
    k, n = np.mgrid[:size, :size]
    rows = np.sqrt(2 / size) * np.cos(np.pi * k * (2 * n + 1) / (2 * size))
    rows[0] /= math.sqrt(2)
    return torch.from_numpy(rows).float()


def spectrum(images: Tensor) -> Tensor:
    found: Tensor = basis(images.shape[-2]) @ images @ basis(images.shape[-1]).mT
    return found


@SIZES
def test_what_was_cut_is_the_corner_of_the_spectrum(size: tuple[int, int]) -> None:
    images = white(2, 3, *size)
    low = low_frequencies(images, 5, 7)
    assert low.shape == (2, 3, 5, 7)
    assert low.dtype == torch.float32
    torch.testing.assert_close(spectrum(low), spectrum(images)[..., :5, :7], atol=1e-5, rtol=0)


@SIZES
def test_filling_up_undoes_cutting(size: tuple[int, int]) -> None:
    low = white(2, 5, 7)
    full = filled_up(low, *size)
    assert full.shape == (2, *size)
    torch.testing.assert_close(low_frequencies(full, 5, 7), low, atol=1e-5, rtol=0)
    beyond = spectrum(full)
    beyond[..., :5, :7] = 0
    assert beyond.abs().max() < 1e-5


@SIZES
def test_all_frequencies_are_the_image(size: tuple[int, int]) -> None:
    images = white(*size)
    torch.testing.assert_close(low_frequencies(images, *size), images, atol=1e-5, rtol=0)
    torch.testing.assert_close(filled_up(images, *size), images, atol=1e-5, rtol=0)


def test_white_noise_keeps_its_variance_and_stays_white() -> None:
    low = low_frequencies(white(40, 65, 48), 33, 20)
    assert float(low.var()) == pytest.approx(1, abs=0.03)
    for next_pixels in (low[..., 1:] * low[..., :-1], low[:, 1:] * low[:, :-1]):
        assert float(next_pixels.mean()) == pytest.approx(0, abs=0.03)


def test_a_constant_image_is_multiplied_by_the_root_of_the_ratio_of_the_areas() -> None:
    low = low_frequencies(torch.full((1, 15, 20), 3.0), 7, 11)
    torch.testing.assert_close(low, torch.full((1, 7, 11), 3.0 * math.sqrt(15 * 20 / 77)))


@SIZES
@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
def test_low_frequencies_are_taken_and_high_ones_left(size: tuple[int, int], share: float) -> None:
    images, low = white(2, *size), white(2, 5, 7, seed=1)
    before = images.clone(), low.clone()
    expected, y, x = spectrum(images), int(share * 5), int(share * 7)
    expected[..., :y, :x] = spectrum(low)[..., :y, :x]
    found = spectrum(with_low_frequencies(images, low, share))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert torch.equal(images, before[0])
    assert torch.equal(low, before[1])


def test_nothing_changes_where_both_agree() -> None:
    images = white(21, 18)
    same = with_low_frequencies(images, low_frequencies(images, 11, 9), 0.7)
    torch.testing.assert_close(same, images, atol=1e-5, rtol=0)
