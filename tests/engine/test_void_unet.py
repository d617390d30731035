"""The U-Net of Noise2Void against counts by hand, a blur in numpy, and what its output is seen to depend on."""

import numpy as np
import pytest
import torch
from torch import nn

from noise2detail.engine.void_unet import CELL, VoidUNet, max_blur_pool


def convolution(given: int, found: int, kernel: int = 3) -> int:
    return given * found * kernel**2 + found


def test_parameters_are_those_of_the_published_network() -> None:
    pairs = [(1, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 64), (128, 64), (64, 32), (64, 32), (32, 32)]
    expected = sum(convolution(*pair) + 2 * pair[1] for pair in pairs) + convolution(32, 1, kernel=1)
    assert expected == 333_729
    assert count(VoidUNet(1, 32)) == expected
    assert count(VoidUNet(1, 32, blur_pool=True)) == expected
    assert count(VoidUNet(1, 32, top_skip=False)) == expected - 32 * 32 * 9
    assert count(VoidUNet(3, 32)) == expected + 2 * 32 * 9 + 2 * 33


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_pooling_is_a_maximum_and_a_binomial_blur() -> None:
    image = np.random.default_rng(0).normal(size=(8, 12))
    highest = np.maximum.reduce([image[:-1, :-1], image[1:, :-1], image[:-1, 1:], image[1:, 1:]])
    padded = np.pad(highest, 1, mode="reflect")
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = [[(padded[y : y + 3, x : x + 3] * kernel).sum() for x in range(0, 12, 2)] for y in range(0, 8, 2)]
    found = max_blur_pool(torch.from_numpy(image)[None, None])
    np.testing.assert_allclose(found[0, 0].numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(("blur_pool", "expected"), [(False, 23), (True, 26)], ids=["pool", "blur_pool"])
def test_it_sees_as_far_as_it_says(blur_pool: bool, expected: int) -> None:
    """With positive weights the output grows with every pixel that it depends on, through maxima as well."""
    net = VoidUNet(1, 2, blur_pool).double().eval()
    for parameter in net.parameters():
        parameter.data.abs_()
    side, middle = 80, 40
    images = torch.ones(side, 1, CELL * 2, side, dtype=torch.float64)
    images[torch.arange(side), :, :, torch.arange(side)] = 1e3  # another column in each image
    with torch.no_grad():
        moved = net(images) > net(torch.ones_like(images[:1]))
    for place in range(middle, middle + CELL):
        seen = moved[:, 0, CELL, place].nonzero()[:, 0] - place
        assert seen.min() >= -net.reach
        assert seen.max() <= net.reach
    distance = [moved[:, 0, CELL, place].nonzero()[:, 0] - place for place in range(middle, middle + CELL)]
    assert max(int(own.abs().max()) for own in distance) == net.reach == expected


def test_the_top_skip_is_the_only_way_around_the_bottom() -> None:
    """Without it a pixel of the first level's features cannot be told from another of its pooled cell."""
    net = VoidUNet(1, 4, top_skip=False).eval()
    seen: list[torch.Tensor] = []
    net.up[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        net(torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1)))
    cells = seen[0].unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    assert torch.equal(cells, cells[..., :1].expand_as(cells))
