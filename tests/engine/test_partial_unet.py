"""Partial convolutions against their definition in numpy, and the network of Self2Self counted by hand."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from noise2detail.engine.partial_unet import LEVELS, MULTIPLE, PartialConv2d, PartialUNet
from noise2detail.engine.seeding import seeded
from noise2detail.engine.work import STEP_OPERATIONS, pass_work

CPU = torch.device("cpu")


def random_mask(*shape: int, seed: int = 1, keep: float = 0.5) -> torch.Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < keep).float()


def defined(layer: PartialConv2d, image: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float64]:
    """Eq. 1 of Liu et al. at every pixel: W (X * M) sum(1) / sum(M) + b, or 0 where M is empty."""
    weight, bias = layer.windows.weight.detach().numpy(), layer.bias.detach().numpy()
    channels, y, x = image.shape
    mask = np.broadcast_to(mask, image.shape)
    shown, there = (np.pad(part, ((0, 0), (1, 1), (1, 1))) for part in (image * mask, mask))
    output = np.zeros((len(weight), y, x))
    for row, column in np.ndindex(y, x):
        window, held = (part[:, row : row + 3, column : column + 3] for part in (shown, there))
        if held.sum():
            product = (weight.astype(np.float64) * window).sum((1, 2, 3))
            output[:, row, column] = product * (9 * channels / held.sum()) + bias
    return output


@pytest.mark.parametrize("masks", [1, 3])
@pytest.mark.parametrize("keep", [0.1, 0.7, 1.0])
def test_partial_convolution_follows_its_definition(masks: int, keep: float) -> None:
    with seeded(0, CPU):
        layer = PartialConv2d(3, 4)
        torch.nn.init.normal_(layer.bias)
    image, mask = torch.rand(1, 3, 7, 9), random_mask(1, masks, 7, 9, keep=keep)
    found, after = layer(image, mask)
    expected = defined(layer, image[0].numpy(), mask[0].numpy())
    np.testing.assert_allclose(found[0].detach().numpy(), expected, rtol=0, atol=1e-5)
    held = np.pad(mask[0].amax(0).numpy(), 1)
    windows = np.lib.stride_tricks.sliding_window_view(held, (3, 3)).max((2, 3))
    np.testing.assert_array_equal(after[0, 0].numpy(), windows)


def test_holes_do_not_darken_a_constant_image() -> None:
    """With equal weights the result is the constant wherever anything is seen, whatever is missing."""
    layer = PartialConv2d(2, 1)
    torch.nn.init.constant_(layer.windows.weight, 1 / 18)
    found, after = layer(torch.full((1, 2, 16, 16), 0.6), random_mask(1, 2, 16, 16, keep=0.2))
    assert 0 < after.mean() < 1
    torch.testing.assert_close(found, 0.6 * after)


def test_what_stands_in_a_hole_is_never_read() -> None:
    with seeded(0, CPU):
        net = PartialUNet(2, 6, dropout=0.0)
    mask = random_mask(1, 2, 32, 64)
    image = torch.rand(1, 2, 32, 64)
    other = torch.where(mask > 0, image, torch.full_like(image, 1e6))
    assert torch.equal(net(image, mask), net(other, mask))
    changed = torch.where(mask > 0, image + 0.1, image)
    assert not torch.equal(net(image, mask), net(changed, mask))


def test_a_hole_learns_nothing_from_its_own_value() -> None:
    with seeded(0, CPU):
        net = PartialUNet(1, 6)
    mask = torch.ones(1, 1, 32, 32)
    mask[..., 10, 13] = 0
    image = torch.rand(1, 1, 32, 32, requires_grad=True)
    net(image, mask)[..., 10, 13].sum().backward()
    assert image.grad is not None
    assert image.grad[..., 10, 13] == 0
    assert image.grad[..., 10, 12] != 0


def counted(channels: int, width: int) -> int:
    """Parameters of the published network: 48 on the way down, 96 on the way up, 64 and 32 at the end."""

    def layer(inputs: int, outputs: int) -> int:
        return 9 * inputs * outputs + outputs

    total = layer(channels, width) + 6 * layer(width, width)
    total += layer(width + width, 2 * width) + 3 * layer(2 * width + width, 2 * width)
    total += 4 * layer(2 * width, 2 * width)
    return (
        total
        + layer(2 * width + channels, 4 * width // 3)
        + layer(4 * width // 3, 2 * width // 3)
        + layer(2 * width // 3, channels)
    )


@pytest.mark.parametrize(("channels", "width"), [(1, 48), (3, 48), (1, 12)])
def test_parameters_are_those_counted_by_hand(channels: int, width: int) -> None:
    net = PartialUNet(channels, width)
    assert sum(parameter.numel() for parameter in net.parameters()) == counted(channels, width)


def test_published_widths() -> None:
    net = PartialUNet(3)
    assert [layer.weight.shape[0] for layer in net.up] == [96] * 8 + [64, 32]  # type: ignore[index]
    assert net.last.weight.shape == (3, 32, 3, 3)
    assert MULTIPLE == 2**LEVELS == 32


def test_work_is_that_of_its_convolutions() -> None:
    width = 12
    finest = width + width**2 + (2 * width + 1) * 16 + 16 * 8 + 8
    down = sum(width**2 / 4**level for level in range(1, 6))
    up = 4 * width * 2 * width / 4**4 + sum(5 * width * 2 * width / 4**level for level in (1, 2, 3))
    expected = 2 * 9 * (finest + down + up) / STEP_OPERATIONS
    drawn = torch.get_rng_state()
    assert pass_work(lambda: PartialUNet(1, width), 1) == pytest.approx(expected, rel=1e-9)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_dropout_makes_every_pass_another_one() -> None:
    net = PartialUNet(1, 6).eval()
    image = torch.rand(1, 1, 32, 32)
    with seeded(0, CPU):
        first, second = net(image), net(image)
    assert not torch.equal(first, second)
    with seeded(0, CPU):
        assert torch.equal(net(image), first)
    still = PartialUNet(1, 6, dropout=0.0)
    assert torch.equal(still(image), still(image))
