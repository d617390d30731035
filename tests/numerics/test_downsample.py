"""Pair downsampling against the 2x2 convolution that the papers write it as."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.numerics.downsample import pair_downsample, pair_spread, whole_cells
from tests.material import noisy_batch

SHAPES = [(1, 1, 8, 8), (1, 1, 9, 11), (2, 3, 17, 8), (1, 5, 8, 31), (1, 1, 2, 2)]
KERNELS = torch.tensor([[[[0.5, 0.0], [0.0, 0.5]]], [[[0.0, 0.5], [0.5, 0.0]]]])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_convolution_with_two_kernels(shape: tuple[int, int, int, int]) -> None:
    image = noisy_batch(*shape)
    for found, kernel in zip(pair_downsample(image), KERNELS, strict=True):
        expected = F.conv2d(image, kernel[None].expand(shape[1], 1, 2, 2), stride=2, groups=shape[1])
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, rtol=2**-23, atol=0)


def test_views_together_hold_the_mean_of_every_cell() -> None:
    image = noisy_batch(1, 2, 10, 12)
    main, other = pair_downsample(image)
    torch.testing.assert_close((main + other) / 2, F.avg_pool2d(image, 2))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_whole_cell_has_four_true_pixels(shape: tuple[int, int, int, int]) -> None:
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(1)) > 0.2
    found = whole_cells(mask)
    for n, c, y, x in torch.cartesian_prod(*(torch.arange(size) for size in found.shape)).tolist():
        assert bool(found[n, c, y, x]) == bool(mask[n, c, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].all())


@given(y=st.integers(1, 6), x=st.integers(1, 6))
def test_spreading_is_the_adjoint(y: int, x: int) -> None:
    image, views = noisy_batch(2, 1, 2 * y, 2 * x), [noisy_batch(2, 1, y, x, seed=seed) for seed in (1, 2)]
    forth = sum((a * b).sum() for a, b in zip(pair_downsample(image), views, strict=True))
    torch.testing.assert_close(forth, (image * pair_spread(*views)).sum())
