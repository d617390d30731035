"""U-Nets: their size, how far they see, and images of any size."""

import pytest
import torch
from torch import nn

from noise2detail.engine.unets import NoiseUNet, NormalisedUNet, noise_unet_reach


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(("channels", "count"), [(1, 1_256_689), (3, 1_259_475)])
def test_the_network_of_neighbor2neighbor_has_as_many_parameters_as_published(channels: int, count: int) -> None:
    assert parameters(NoiseUNet(channels)) == count


def test_the_normalised_network_has_two_convolutions_on_each_of_nine_levels() -> None:
    def level(given: int, own: int) -> int:
        return 9 * given * own + 9 * own * own + 4 * own

    down = level(1, 32) + level(32, 64) + level(64, 128) + level(128, 256) + level(256, 512)
    up = sum(4 * 2 * own * own + own + level(2 * own, own) for own in (256, 128, 64, 32))
    assert parameters(NormalisedUNet(1)) == down + up + 33 == 7_762_465


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_reach_is_as_far_as_a_change_is_seen(depth: int) -> None:
    net = NoiseUNet(1, 2, depth)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.1)  # nothing is cut off on the way, so infinity goes as far as it is seen
    reach, cell = noise_unet_reach(depth), 2**depth
    middle = (reach // cell + 1) * cell
    image = torch.rand(1, 1, cell, 2 * middle + cell)
    seen = 0
    for place in range(middle, middle + cell):
        changed = image.clone()
        changed[..., place] = torch.inf
        with torch.no_grad():
            moved = (~torch.isfinite(net(changed))).any(2).nonzero()[:, -1]
        seen = max(seen, int((moved - place).abs().max()))
    assert seen == reach


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 33), (40, 5)], ids=str)
@pytest.mark.parametrize("channels", [1, 2])
def test_images_of_any_size(size: tuple[int, int], channels: int) -> None:
    image = torch.rand(2, channels, *size)
    for net in (NoiseUNet(channels, 4), NormalisedUNet(channels, 4)):
        found = net(image)
        assert found.shape == image.shape
        assert torch.isfinite(found).all()


def test_it_begins_small_and_without_bias() -> None:
    torch.manual_seed(0)
    net = NoiseUNet(1, 48, gain=0.1)
    layer, grow = net.first[2], net.grow[0]
    assert isinstance(layer, nn.Conv2d)
    assert isinstance(grow, nn.ConvTranspose2d)
    assert float(layer.weight.detach().std()) == pytest.approx(0.1 * (2 / (48 * 9)) ** 0.5, rel=0.02)
    assert float(grow.weight.detach().std()) == pytest.approx(0.1 * (2 / 96) ** 0.5, rel=0.02)
    assert all(float(p.detach().abs().max()) == 0 for name, p in net.named_parameters() if name.endswith("bias"))


def test_the_normalised_network_forgets_gain_and_offset_of_its_input() -> None:
    torch.manual_seed(0)
    net = NormalisedUNet(1, 4).eval()
    image = torch.rand(1, 1, 64, 64)
    found = net(image).detach()
    assert 0 < float(found.min()) < float(found.max()) < 1
    torch.testing.assert_close(net(5 * image).detach(), found, rtol=0, atol=1e-3)
    assert not [name for name, _ in net.named_buffers()]  # images are normalised by their own statistics only
